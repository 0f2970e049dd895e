"""``driftbell router``: one alert router."""

from __future__ import annotations

import argparse
import asyncio
import signal

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add(
        "router",
        run,
        summary="send alerts to Slack, PagerDuty, email and webhooks",
        description="Runs one alert router: it reads the alerts topic, groups alerts by the routing tree under `router:` of\n"
        "the configuration (Alertmanager's format), and notifies the channels. What it has opened and what it still\n"
        "has to send is kept in Redis, so that it survives a restart. Run two for availability: one is active,\n"
        "the other stands by.\n\n"
        "SIGTERM or Ctrl-C stops it with exit code 0; what was not delivered yet is delivered by the next start.",
        example="driftbell router --config driftbell.yaml",
    )


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    config = configured(options)
    from alerting import service

    async def until_signalled() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await service.run(config, stop=stop)

    asyncio.run(until_signalled())
    return ExitCode.OK
