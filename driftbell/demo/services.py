"""Everything the demo starts: Kafka, Valkey, worker, router, and the services behind the channels."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import yaml

from driftbell.demo.mailroom import Mailroom
from driftbell.demo.pages import Pages
from driftbell.demo.screen import Screen
from driftbell.demo.settings import Addresses, settings
from driftbell.demo.traffic import Publisher
from driftbell.embedded import ChildProcess, EmbeddedBroker, EmbeddedStore, ProcessGroup
from driftbell.errors import CommandError
from runtime.config import Topics

#: The commands that run as processes of their own.
PROCESSES = ("worker", "router")

#: Seconds until both are ready; it takes about four, on a busy machine fifteen.
READY_TIMEOUT = 40.0


class Services:
    """The running services; an async context manager. ``look`` is to be called all the time."""

    def __init__(self, processes: ProcessGroup, broker: EmbeddedBroker, directory: Path, pages: Pages) -> None:
        self._processes = processes
        self._broker = broker
        self._directory = directory
        self._mailroom = Mailroom(pages)
        self._ports = {name: _free_port() for name in PROCESSES}
        self._store: EmbeddedStore | None = None
        self.publisher: Publisher

    async def __aenter__(self) -> Self:
        topics = Topics()
        self._broker.start(
            [
                *(topics.predictions, topics.feedback),
                *(topics.predictions + topics.dead_letter_suffix, topics.feedback + topics.dead_letter_suffix),
                *(topics.alerts, topics.alerts_active, topics.metrics),
            ]
        )
        self._store = EmbeddedStore.start(self._processes, self._directory)
        await self._mailroom.start()
        self._start_processes()
        from driftbell_client import Client

        self._client = Client(self._broker.bootstrap_servers)
        self.publisher = self._client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        await asyncio.to_thread(self._processes.stop, 5.0)
        await self._mailroom.stop()

    def _start_processes(self) -> None:
        from streams.monitors import MODEL_REGISTRY, REGISTRY

        assert self._store is not None
        at = Addresses(
            kafka=self._broker.bootstrap_servers,
            redis=self._store.url,
            slack=self._mailroom.slack.api_url,
            pagerduty=self._mailroom.pagerduty.url,
            smtp=self._mailroom.smtp.address,
            worker_http_port=self._ports["worker"],
            router_http_port=self._ports["router"],
        )
        file = self._directory / "driftbell.yaml"
        file.write_text(yaml.safe_dump(settings(at, [*REGISTRY, *MODEL_REGISTRY]), sort_keys=False))
        for command in PROCESSES:
            self._processes.start(
                command, [sys.executable, "-m", "driftbell", command, "--config", str(file), "--log-format", "text"]
            )

    async def ready(self, screen: Screen) -> None:
        """Wait until the worker holds its partitions and the router is active.

        Raises:
            CommandError: one of them ends, or it takes too long.
        """
        assert self._store is not None
        if self._store.warning is not None:
            screen.warn(self._store.warning)
        waiting = dict(self._ports)
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
        """Take what the channels received, and see whether everything still runs.

        Raises:
            CommandError: a process has ended.
        """
        self._broker.poll()
        for refusal in self._mailroom.look():
            raise CommandError(f"a page was refused: {refusal}", "please report it")
        for child in self._processes.children:
            if child.exit_code is not None:
                raise _ended(child)


def _ended(child: ChildProcess) -> CommandError:
    return CommandError(f"the {child.name} ended with exit code {child.exit_code}:\n{child.log_tail()}")


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
