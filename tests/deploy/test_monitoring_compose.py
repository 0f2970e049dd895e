"""deploy/monitoring.compose.yml, as far as it can be checked without an engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dashboards import GRAFANA
from tests.services.missing import missing

ROOT = Path(__file__).parents[2]
FILES = ["docker-compose.yml", "deploy/monitoring.compose.yml"]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / FILES[1]).read_text())["services"]


def _mounts(service: str) -> dict[str, Path]:
    """Path in the container -> path here, of what is mounted from the repository."""
    volumes = [volume.split(":") for volume in SERVICES[service]["volumes"] if volume.startswith("./")]
    return {inside: ROOT / here for here, inside, mode in volumes if mode == "ro"}


@pytest.mark.slow
def test_docker_compose_puts_both_files_together() -> None:
    program = shutil.which("docker-compose") or missing("docker-compose", "apt-get install docker-compose")
    files = [word for file in FILES for word in ("--file", file)]
    result = subprocess.run([program, *files, "config"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert {"worker", "router", "prometheus", "grafana"} <= yaml.safe_load(result.stdout)["services"].keys()


def test_images_have_versions_and_ports_are_this_machines() -> None:
    assert [one["image"] for one in SERVICES.values() if not re.search(r":v?\d+\.\d+\.\d+$", one["image"])] == []
    assert [port for one in SERVICES.values() for port in one["ports"] if not port.startswith("127.0.0.1:")] == []


def test_what_is_mounted_is_there() -> None:
    assert {path for name in SERVICES for path in _mounts(name).values() if not path.is_dir()} == set()
    assert (_mounts("prometheus")["/etc/prometheus"] / "prometheus.yml").is_file()


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "driftbell.yml").read_text())["providers"]
    environment = SERVICES["grafana"]["environment"]
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, file = home.rpartition("/")

    assert source["url"] == "${PROMETHEUS_URL}"
    assert environment["PROMETHEUS_URL"] == "http://prometheus:9090"
    assert provider["options"]["path"] == folder
    assert json.loads((_mounts("grafana")[folder] / file).read_text())["uid"] == "driftbell"
    assert _mounts("grafana")["/etc/grafana/provisioning"] == GRAFANA / "provisioning"


def test_nobody_can_log_in_with_the_password_that_everybody_knows() -> None:
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
