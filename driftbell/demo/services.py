"""Everything the demo starts: Kafka, Valkey, worker, router, and the services behind the channels."""

from __future__ import annotations

import asyncio
import socket
import sys
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

#: Seconds for a worker to be ready; it takes about three, on a busy machine ten.
READY_TIMEOUT = 30.0


class Services:
    """The running services; an async context manager. ``look`` is to be called all the time."""

    def __init__(self, processes: ProcessGroup, broker: EmbeddedBroker, directory: Path, pages: Pages) -> None:
        self._processes = processes
        self._broker = broker
        self._directory = directory
        self._mailroom = Mailroom(pages)
        self._port = _free_port()
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
            slack=self._mailroom.slack_url,
            pagerduty=self._mailroom.pagerduty_url,
            smtp=self._mailroom.smtp_address,
            worker_http_port=self._port,
        )
        file = self._directory / "driftbell.yaml"
        file.write_text(yaml.safe_dump(settings(at, [*REGISTRY, *MODEL_REGISTRY]), sort_keys=False))
        for command in ("worker", "router"):
            self._processes.start(
                command, [sys.executable, "-m", "driftbell", command, "--config", str(file), "--log-format", "text"]
            )

    async def ready(self, screen: Screen) -> None:
        """Wait until the worker holds its partitions.

        Raises:
            CommandError: it ends, or it takes too long.
        """
        assert self._store is not None
        if self._store.warning is not None:
            screen.warn(self._store.warning)
        url = f"http://127.0.0.1:{self._port}/readyz"
        async with aiohttp.ClientSession() as session, asyncio.timeout(READY_TIMEOUT):
            while True:
                self.look()
                screen.status("starting Kafka, Valkey, worker and router")
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    def look(self) -> None:
        """Take what the channels received, and see whether everything still runs.

        Raises:
            CommandError: a process has ended.
        """
        self._broker.poll()
        self._mailroom.look()
        for child in self._processes.children:
            if child.exit_code is not None:
                raise _ended(child)


def _ended(child: ChildProcess) -> CommandError:
    return CommandError(f"the {child.name} ended with exit code {child.exit_code}:\n{child.log_tail()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
