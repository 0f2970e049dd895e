"""The server under the API: address, TLS, and what keeps a slow or greedy client from hurting others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
import weakref
from typing import Self, cast

from aiohttp import web

from driftbell.alerting.api.startable import tls_of
from driftbell.runtime.config.router_api import ApiConfig
from driftbell.runtime.observability.ops import plain

log = logging.getLogger(__name__)

#: aiohttp logs whatever is no HTTP with a stack, whoever sends it; what goes wrong in a handler is logged by the application.
_QUIET = logging.getLogger(f"{__name__}.http")
_QUIET.setLevel(logging.CRITICAL + 1)

#: Connections at once; more are closed. Prometheus, Grafana and people together need a few.
MOST_CONNECTIONS = 256

#: Seconds that a connection may be without a request, or with the half of one.
IDLE_SECONDS = 75.0

#: Seconds for the handshake of TLS, and for its end.
HANDSHAKE_SECONDS = 5.0

#: Milliseconds after which a client is cut off that does not read its answer.
_UNREAD_MS = 30_000

#: Longest line of a request, its address with all filters: Go has a megabyte for all headers.
_LONGEST_LINE = 65_536


class ApiServer:
    """Listens while it is entered; use as ``async with``.

    Args:
        settings: where, and with which certificate.
        app: what is served.
    """

    def __init__(self, settings: ApiConfig, app: web.Application) -> None:
        self._settings = settings
        self.app = app
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        #: Accepted, without a handshake yet, with the moment at which the handshake is given up.
        self._arriving: weakref.WeakKeyDictionary[_Arrival, float] = weakref.WeakKeyDictionary()
        self.host, self.port = settings.address

    @property
    def connections(self) -> int:
        """How many are open, with those that are still in the handshake of TLS."""
        server = None if self._runner is None else self._runner.server
        now = time.monotonic()
        arriving = sum(given_up > now for given_up in self._arriving.values())
        return arriving + (0 if server is None else len(server.connections))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the address is taken or not ours; the message says which.
            RefusedError: certificate or key cannot be used.
        """
        context = tls_of(self._settings)
        self._runner = web.AppRunner(
            self.app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=_LONGEST_LINE,
            # A small body that unfolds to gigabytes is refused as what it is: no JSON.
            auto_decompress=False,
            logger=_QUIET,
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._accept,
                self.host or None,
                self.port,
                ssl=context,
                ssl_handshake_timeout=None if context is None else HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=None if context is None else HANDSHAKE_SECONDS,
            )
        except OSError as error:
            await self.stop()
            raise OSError(error.errno, f"the API cannot listen on {self.host}:{self.port}: {plain(error)}") from error
        for listening in self._server.sockets:
            _cut_off_the_deaf(listening)
        self.port = self._server.sockets[0].getsockname()[1]
        log.info(
            "the API listens",
            extra={"host": self.host, "port": self.port, "tls": context is not None},
        )

    async def stop(self) -> None:
        """Stop listening and drop connections. Does nothing when it does not listen."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _accept(self) -> asyncio.Protocol:
        assert self._runner is not None
        server = self._runner.server
        if server is None or self.connections >= MOST_CONNECTIONS:
            log.warning("too many connections, one is closed", extra={"connections": MOST_CONNECTIONS})
            return _Closed()
        arrival = _Arrival(server(), self._arriving)
        self._arriving[arrival] = time.monotonic() + HANDSHAKE_SECONDS
        return arrival


class _Arrival(asyncio.Protocol):
    """A connection that is counted from when it is accepted: aiohttp hears of it only after the handshake of TLS."""

    def __init__(self, protocol: asyncio.Protocol, arriving: weakref.WeakKeyDictionary[_Arrival, float]) -> None:
        self._protocol = protocol
        self._arriving = arriving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arriving.pop(self, None)
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)


class _Closed(asyncio.Protocol):
    """A connection that is closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


def _cut_off_the_deaf(listening: socket.socket) -> None:
    """Who does not read an answer keeps it in our memory; accepted connections inherit the option (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
