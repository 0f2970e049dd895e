"""A real Prometheus (Debian's package ``prometheus``)."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.services.http_get import http_get
from tests.services.missing import missing
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess


class PrometheusServer(ServiceProcess):
    """Scrapes every second and evaluates rules every second.

    Args:
        folder: for its configuration and data.
        targets: job -> addresses.
        rules: rule files.
        alertmanagers: addresses to which its alerts are posted.
    """

    name = "prometheus"
    start_timeout = 20.0

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        rules: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self._program = shutil.which("prometheus") or missing("prometheus", "apt-get install prometheus")
        self.port = claim_port()
        jobs = [{"job_name": job, "static_configs": [{"targets": list(found)}]} for job, found in targets.items()]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(file) for file in rules],
            "scrape_configs": jobs,
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def command(self) -> Sequence[str]:
        """See ``ServiceProcess``."""
        return (
            self._program,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            # Else an alert that fires before the Alertmanagers are known is told after a minute.
            "--rules.alert.resend-delay=1s",
            "--log.level=warn",
        )

    def answers(self) -> bool:
        """See ``ServiceProcess``."""
        return http_get(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200

    def ask(self, path: str, **parameters: str) -> Any:
        """``data`` of an answer of its HTTP API, ``/api/v1/<path>``.

        Raises:
            AssertionError: it refused the question; the message is its own.
        """
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=5) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode()
            raise AssertionError(f"{path} {parameters}: {said}") from error
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """The value of an expression now, by labels (the name left out)."""
        result = self.ask("query", query=expression)["result"]
        return {
            frozenset((name, value) for name, value in one["metric"].items() if name != "__name__"): float(
                one["value"][1]
            )
            for one in result
        }
