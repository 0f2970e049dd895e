"""What the fakes that speak HTTP share: a server on a free port of 127.0.0.1, and the faults that any server has."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from aiohttp import web

from driftbell.fakes.faults import Fault, Faults

#: Larger than anything a client of ours may send, so that the fake itself can say "too large".
_MAX_BODY = 4 * 1024 * 1024


class FakeServer:
    """Use as ``async with``. Subclasses add their routes and call ``fault`` before they do anything."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.port = 0
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """The base of its URLs, ``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen; a stopped fake can be started again on its old ``port``."""
        app = web.Application(client_max_size=_MAX_BODY)
        self.add_routes(app)
        self._stopping = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; requests that hang are dropped."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def add_routes(self, app: web.Application) -> None:
        """Add what this fake serves."""
        raise NotImplementedError

    async def fault(self, request: web.Request) -> tuple[Fault | None, web.Response | None]:
        """The fault of this request, if the script has one, and the reply if it keeps the fake from doing anything.

        With ``lose`` there is a fault and no reply: do what was asked, then call ``drop``.
        """
        await request.read()
        fault = self.faults.next()
        if fault is None or fault.kind == "lose":
            return fault, None
        if fault.kind == "hang":
            with contextlib.suppress(asyncio.CancelledError):
                await self._stopping.wait()
            return fault, self.drop(request)
        if fault.kind == "drop":
            return fault, self.drop(request)
        return fault, web.Response(status=fault.status, text=fault.body, headers=dict(fault.headers))

    @staticmethod
    def drop(request: web.Request) -> web.Response:
        """Cut the connection; the reply that is returned goes nowhere."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
