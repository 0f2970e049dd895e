"""The ops endpoints of every process: /healthz, /readyz and /metrics."""

from __future__ import annotations

import gc
import html
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Self

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """An answer with its reason: ``Health(False, "store_slow", "Redis does not take the checkpoints")``."""

    ok: bool
    reason: str
    detail: str = ""

    @property
    def trouble(self) -> str:
        """Reason and detail of what is not well; empty if all is."""
        return "" if self.ok else f"{self.reason}: {self.detail}" if self.detail else self.reason


Probe = Callable[[], Health]

#: What each probe answers, in words.
_MEANINGS = {"/readyz": "Does it do its work now?", "/healthz": "Is the process alive, or must it be restarted?"}

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>driftbell</title>
<style>body{{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}td{{padding:.2em 1.5em .2em 0}}</style>
<h1>driftbell</h1>
<p>This is the operations port of one driftbell process.</p>
<table>{rows}</table>
<p><a href="/metrics">/metrics</a> has its numbers, for Prometheus.</p>
<p>At a command line, <code>driftbell alerts</code> shows what fires now, <code>driftbell status</code> the workers and how far
they are behind, and <code>driftbell events tail</code> follows the topics.</p>
</html>
"""


def new_registry() -> CollectorRegistry:
    """A registry with what every process reports: memory, CPU, open files, garbage collection, and our version.

    Ours are named ``driftbell_<thing>_<unit>``, counters end in ``_total``, and label values come from enums, so that their
    number is known (docs/metrics.md).
    """
    # Else every counter and histogram has a second series, `..._created`, that Prometheus stores for nothing.
    disable_created_metrics()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    if hasattr(gc, "get_stats"):
        GCCollector(registry=registry)
    try:
        version = metadata.version("driftbell")
    except metadata.PackageNotFoundError:
        version = "unknown"
    Info("driftbell_build", "The running version of driftbell.", registry=registry).info({"version": version})
    return registry


def _row(path: str, meaning: str, health: Health) -> str:
    answer = "yes" if health.ok else "NO"
    why = html.escape(f"{health.reason}: {health.detail}" if health.detail else health.reason)
    return f'<tr><td>{meaning}<td><b>{answer}</b><td>{why}<td><a href="{path}">{path}</a>'


class _Readiness(Collector):
    """``driftbell_ready``: what /readyz says, for those who look at metrics only."""

    def __init__(self, ask: Probe) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        """One series, 0 or 1, with the reason."""
        health = self._ask()
        ready = GaugeMetricFamily("driftbell_ready", "1 while /readyz answers 200, with its reason.", labels=["reason"])
        ready.add_metric([health.reason], float(health.ok))
        yield ready


def plain(error: OSError) -> str:
    """What is wrong with an address, once: asyncio's text repeats the number and the address."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error)


class OpsServer:
    """Serves the probes and the metrics on the running event loop; use as ``async with``.

    ``/healthz`` answers "is this process stuck" (restart it if so), ``/readyz`` "does it do its work now". Both answer 200 or
    503 with ``{"status", "reason", "detail"}``. ``/metrics`` speaks Prometheus' text format and OpenMetrics.

    Args:
        host: address to listen on.
        port: 0 picks a free one; ``port`` tells which.
        registry: what ``/metrics`` shows, with ``driftbell_ready`` while it listens. It is collected on the event loop, so
            collectors may read its state as it is.
        health: called for each request; an exception counts as failing, with reason ``probe_failed``.
        ready: as ``health``.
        routes: further routes of this process.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        registry: CollectorRegistry,
        health: Probe,
        ready: Probe,
        routes: Iterable[web.AbstractRouteDef] = (),
    ) -> None:
        self.host = host
        self.port = port
        self._registry = registry
        self._probes = {"/healthz": health, "/readyz": ready}
        self._routes = list(routes)
        self._runner: web.AppRunner | None = None
        self._readiness = _Readiness(lambda: self._ask("/readyz"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: the address is taken or not ours; the message says which.
        """
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/metrics", self._metrics)
        for path in self._probes:
            app.router.add_get(path, self._probe)
        app.router.add_routes(self._routes)
        # An orchestrator's probes and Prometheus would fill the log.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        self._registry.register(self._readiness)
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            await self.stop()
            raise OSError(
                error.errno, f"the ops endpoints cannot listen on {self.host}:{self.port}: {plain(error)}"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop connections. Does nothing when it does not listen."""
        if self._runner:
            self._registry.unregister(self._readiness)
            await self._runner.cleanup()
            self._runner = None

    async def _index(self, request: web.Request) -> web.Response:
        """For the person who opened the address in a browser; programs ask for JSON."""
        if "text/html" not in request.headers.get("Accept", ""):
            return web.json_response({"endpoints": [*self._probes, "/metrics"]})
        rows = "".join(_row(path, meaning, self._ask(path)) for path, meaning in _MEANINGS.items())
        return web.Response(text=_PAGE.format(rows=rows), content_type="text/html")

    def _ask(self, path: str) -> Health:
        try:
            return self._probes[path]()
        except Exception as error:  # a probe that fails must say so, not look like a network error
            log.exception("probe failed", extra={"probe": path})
            return Health(False, "probe_failed", repr(error))

    async def _probe(self, request: web.Request) -> web.Response:
        health = self._ask(request.path)
        body = {"status": "ok" if health.ok else "failing", "reason": health.reason, "detail": health.detail}
        return web.Response(
            body=msgspec.json.encode(body) + b"\n",
            status=200 if health.ok else 503,
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        response = web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
        response.enable_compression()
        return response
