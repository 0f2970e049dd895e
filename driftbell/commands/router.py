"""``driftbell router``: one alert router."""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import signal

from driftbell.command import Commands
from driftbell.configured import RouterConfiguration
from driftbell.errors import CommandError
from driftbell.exit_codes import ExitCode

#: As in a worker (``driftbell.streams.worker``): net allocations before the cyclic collector scans the young generation, how
#: many such scans come before it scans what has survived, and how many of those before it scans everything. With Python's
#: thresholds it stopped a router that took 20,000 incidents in for 1.8 s; its state holds no cycles.
GC_THRESHOLDS = 10_000, 10, 100


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
        "SIGHUP (or POST /-/reload of its API) has it read its configuration again: with a mistake in it, the one of\n"
        "before stays in force, and the log says file, line and fix. Nothing that is open or waits is lost by it.\n\n"
        "SIGTERM or Ctrl-C stops it with exit code 0; what was not delivered yet is delivered by the next start.",
        example="driftbell router --config driftbell.yaml",
    )


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    configuration = RouterConfiguration(options)
    config = configuration.read()
    from aiokafka.errors import KafkaError

    from driftbell.alerting.errors import RouterError
    from driftbell.alerting.process import service
    from driftbell.alerting.process.reloading.reload import Source

    async def until_signalled() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        source = Source(configuration.read, asyncio.Event())
        loop.add_signal_handler(signal.SIGHUP, source.asked.set)
        await service.run(config, stop=stop, source=source)

    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        asyncio.run(until_signalled())
    except RouterError as error:
        raise CommandError(str(error)) from error
    except KafkaError as error:
        servers = config.kafka.get("bootstrap.servers")
        raise CommandError(
            f"no answer from Kafka at {servers}: {error}", "is it running, and are the settings under `kafka:` right?"
        ) from error
    except OSError as error:
        fix = None
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            fix = "stop what listens there, or change router.http_host and router.http_port, or router.api.listen"
        raise CommandError(error.strerror or str(error), fix) from error
    return ExitCode.OK
