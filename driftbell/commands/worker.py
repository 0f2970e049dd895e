"""``driftbell worker``: one stream worker."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.configured import configured


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add(
        "worker",
        run,
        summary="process the event streams: statistics, drift, alerts",
        description="Runs one stream worker: it reads predictions and feedback, keeps its state in Redis, and publishes\n"
        "alerts and metrics. Start as many as you like, on any machine, up to one per partition; Kafka shares the\n"
        "partitions between them.\n\n"
        "SIGTERM or Ctrl-C drains: what was read is finished and saved, and the exit code is 0. A second signal, or\n"
        "`worker.shutdown_grace` passing, ends it at once with exit code 1; that is safe, the state stays exact.\n"
        "It listens on `worker.http_port` for /healthz, /readyz and /metrics.",
        example="driftbell worker --config driftbell.yaml\nDRIFTBELL_WORKER__INSTANCE_ID=worker-1 driftbell worker",
    )


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    config = configured(options)
    from driftbell.streams import worker

    return worker.run(config)
