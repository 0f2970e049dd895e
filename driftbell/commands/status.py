"""``driftbell status``: the fleet as it is now."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    status = commands.add(
        "status",
        run,
        summary="show workers, partitions, lag, checkpoint age, pending predictions, memory",
        description="Asks Kafka and Redis, not the workers, so it also tells about workers that are gone. Lag counts the\n"
        "records that are not yet in a checkpoint.",
        example="driftbell status\ndriftbell status --json | jq '.partitions[] | select(.owner == \"\")'",
    )
    status.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Look once and print."""
    import asyncio

    import msgspec

    config = configured(options)
    from driftbell.status import gather, lines

    fleet = asyncio.run(gather(config))
    if options.json:
        print(msgspec.json.encode(fleet).decode())
    else:
        for line in lines(fleet):
            print(line)
    return ExitCode.OK
