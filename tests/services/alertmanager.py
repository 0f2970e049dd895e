"""The real Alertmanager, which our decisions are compared with."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer
from tests.services.http_get import http_get
from tests.services.missing import missing
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess


class Alertmanager(ServiceProcess):
    """One process on a free port of this machine, without its cluster.

    Args:
        folder: for its files.
        config: its configuration, as a file would have it.
    """

    name = "alertmanager"

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        super().__init__(folder)
        self.binary = shutil.which("prometheus-alertmanager") or missing(
            "prometheus-alertmanager", "apt-get install prometheus-alertmanager"
        )
        self.port = claim_port()
        self.config = folder / "alertmanager.yml"
        # JSON is YAML.
        self.config.write_text(json.dumps(config))

    def command(self) -> Sequence[str]:
        return [
            self.binary,
            f"--config.file={self.config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            # Empty: no cluster. Debian's default listens to the whole network.
            "--cluster.listen-address=",
        ]

    def answers(self) -> bool:
        return http_get(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request to its API, ``/api/v2`` left out: status, and the answer's JSON (or text)."""
        data = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, f"/api/v2{path}", data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode()

    def reload(self, config: Mapping[str, Any]) -> None:
        """Take another configuration."""
        self.config.write_text(json.dumps(config))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/-/reload")
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()


class Hook(FakeServer):
    """A webhook receiver of its: takes notifications, with the time."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[float, dict[str, Any]]] = []

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.taken.append((time.time(), await request.json()))
        return web.Response()
