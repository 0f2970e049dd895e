"""Everything the demo starts: Kafka, Valkey, worker, router, and the services behind the channels."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import yaml

from driftbell.demo.mailroom import Mailroom
from driftbell.demo.pages import Pages
from driftbell.demo.screen import Screen
from driftbell.demo.settings import Addresses, settings
from driftbell.embedded import EmbeddedBroker, EmbeddedStore, ProcessGroup
from driftbell.errors import CommandError

if TYPE_CHECKING:
    from driftbell_client import Client

#: The commands that run as processes of their own.
PROCESSES = ("worker", "router")

#: Seconds until both are ready; it takes about four, on a busy machine fifteen.
READY_TIMEOUT = 40.0

#: Seconds for worker and router to end by themselves.
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Services:
    """The running services. ``look`` is to be called all the time."""

    processes: ProcessGroup
    broker: EmbeddedBroker
    store: EmbeddedStore
    mailroom: Mailroom
    client: Client
    #: Port of the ops endpoints by command.
    ports: Mapping[str, int]

    async def ready(self, screen: Screen) -> None:
        """Wait until the worker holds its partitions and the router is active.

        Raises:
            CommandError: one of them ends, or it takes too long.
        """
        if self.store.warning is not None:
            screen.warn(self.store.warning)
        waiting = dict(self.ports)
        deadline = time.monotonic() + READY_TIMEOUT
        async with aiohttp.ClientSession() as session:
            while waiting:
                self.look()
                screen.status(f"Kafka and Valkey are up; starting {' and '.join(waiting)}")
                if time.monotonic() > deadline:
                    raise CommandError(f"after {READY_TIMEOUT:.0f} s {' and '.join(waiting)} was not ready")
                waiting = {name: port for name, port in waiting.items() if not await _is_ready(session, port)}
                await asyncio.sleep(0.05)

    def look(self) -> None:
        """See whether everything still runs, and whether every page was taken.

        Raises:
            CommandError: a process has ended, or a channel's service refused a page.
        """
        self.broker.poll()
        for refusal in self.mailroom.refusals():
            raise CommandError(f"a page was refused: {refusal}", "please report it")
        for child in self.processes.children:
            if child.exit_code is not None:
                raise CommandError(f"the {child.name} ended with exit code {child.exit_code}:\n{child.log_tail()}")


@contextlib.asynccontextmanager
async def running(
    processes: ProcessGroup, broker: EmbeddedBroker, directory: Path, pages: Pages
) -> AsyncIterator[Services]:
    """Start everything; on the way out, stop it in the opposite order.

    Raises:
        CommandError: something does not start.
    """
    # No topic is created in advance: on the mock cluster they come into being when the worker looks for them.
    broker.start()
    store = EmbeddedStore.start(processes, directory)
    async with Mailroom(pages) as mailroom:
        ports = {name: _free_port() for name in PROCESSES}
        file = _write_settings(
            directory,
            Addresses(
                kafka=broker.bootstrap_servers,
                redis=store.url,
                slack=mailroom.slack.api_url,
                pagerduty=mailroom.pagerduty.url,
                smtp=mailroom.smtp.address,
                worker_http_port=ports["worker"],
                router_http_port=ports["router"],
            ),
        )
        for command in PROCESSES:
            arguments = [command, "--config", str(file), "--log-format", "text"]
            processes.start(command, [sys.executable, "-m", "driftbell", *arguments])
        try:
            with _client(broker.bootstrap_servers) as client:
                yield Services(processes, broker, store, mailroom, client, ports)
        finally:
            # In a thread: the router may be waiting for an answer of our own mailroom.
            await asyncio.to_thread(processes.stop, GRACE)


def _write_settings(directory: Path, at: Addresses) -> Path:
    from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY

    file = directory / "driftbell.yaml"
    file.write_text(yaml.safe_dump(settings(at, [*REGISTRY, *MODEL_REGISTRY]), sort_keys=False))
    return file


def _client(kafka: str) -> Client:
    try:
        from driftbell_client import Client
    except ImportError:
        raise CommandError(
            "the publishing client is not installed",
            "pip install driftbell-client, or in a clone: pip install ./client",
        ) from None
    return Client(kafka)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == HTTPStatus.OK
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
