"""The API of a router that leads, on a free port, without Kafka: its own clock, store and tree."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry
from yarl import URL

from driftbell.alerting.api.access import Access
from driftbell.alerting.api.application import Mounted, application
from driftbell.alerting.api.port import Rules
from driftbell.alerting.api.server import ApiServer
from driftbell.alerting.channels.registry import MODEL
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.process.api.router_port import RouterPort
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.plan import plan_of
from driftbell.alerting.process.reloading.reload import Reloaded, ReloadReason
from driftbell.alerting.process.router import Router
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.store import RouterStore
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.observability.ops import Health

ROUTER: dict[str, Any] = {"route": {"receiver": "a"}, "receivers": [{"name": "a"}]}


def settings_of(router: dict[str, Any], **api: Any) -> RouterConfig:
    """The router's configuration, listening on a free port of this machine."""
    return msgspec.convert({**ROUTER, **router, "api": {"listen": "127.0.0.1:0", **api}}, MODEL.router)


def now_ms() -> int:
    """The clock of a router that runs for real."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Served:
    """One router and a client of its API."""

    router: Router
    port: RouterPort
    http: aiohttp.ClientSession
    server: ApiServer

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """One request: status, and the answer's JSON, or its text."""
        if body is not None:
            options.setdefault("json", body)
        async with self.http.request(method, path, **options) as answer:
            text = await answer.text()
            try:
                return answer.status, msgspec.json.decode(text)
            except msgspec.DecodeError:
                return answer.status, text


def router_of(settings: RouterConfig, store: RouterStore, clock: Callable[[], int] = now_ms) -> Router:
    """A router without destinations."""
    return Router(
        plan_of(settings, [], None),  # type: ignore[arg-type]  # no channel is built
        store,
        clock=clock,
        random=Random(1),
        metrics=RouterMetrics(CollectorRegistry()),
    )


async def _no_file() -> Reloaded:
    return Reloaded(ReloadReason.REFUSED, ("there is no file to read again",))


@contextlib.asynccontextmanager
async def serving(
    router: dict[str, Any] | None = None,
    *,
    clock: Callable[[], int] = now_ms,
    store: Any = None,
    leads: bool = True,
    mounted: Sequence[Mounted] = (),
    **api: Any,
) -> AsyncIterator[Served]:
    """Serve until the block is left."""
    settings = settings_of(router or {}, **api)
    store = store or MemoryStore()
    made = router_of(settings, store, clock)
    if leads:
        await made.claim(1)
    rules = Rules(settings, compile_tree(settings.route), muters_of(settings))  # type: ignore[arg-type]
    port = RouterPort(
        made,
        store,
        lambda: rules,
        leads=lambda: leads,
        ready=lambda: Health(True, "leader" if leads else "standby"),
        reload=_no_file,
    )
    app = application(port, Access(settings.api), mounted, max_body_bytes=settings.api.max_body_bytes)
    async with ApiServer(settings.api, app) as server, aiohttp.ClientSession() as http:
        http._base_url = URL(f"http://127.0.0.1:{server.port}")
        yield Served(made, port, http, server)
