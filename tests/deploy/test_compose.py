"""docker-compose.yml, as far as it can be checked without an engine."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config.loader import load
from tests.services.kafka import KAFKA_VERSION, kafka_jars
from tests.services.kafka.jars import java
from tests.services.missing import missing
from tests.services.ports import claim_port

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("driftbell:")}
LASTING = {name: service for name, service in SERVICES.items() if service.get("restart") != "no"}


def test_docker_compose_accepts_it() -> None:
    program = shutil.which("docker-compose") or missing("docker-compose", "apt-get install docker-compose")
    result = subprocess.run([program, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")


def test_it_keeps_to_the_compose_specification() -> None:
    # Found, not imported: only its file is wanted, and its command line asks for other versions than ours.
    found = importlib.util.find_spec("check_jsonschema")
    assert found
    assert found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())

    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_every_image_has_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()}

    assert {image for image in images if not re.search(r":v?\d+\.\d+[\w.-]*$", image)} == set()
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_what_lasts_has_a_health_check_and_comes_back() -> None:
    checked = {name for name in LASTING if SERVICES[name].get("healthcheck", {}).get("test")}
    # The worker's is in the image.
    assert LASTING.keys() - checked == {"worker"}
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    assert {name for name, service in LASTING.items() if service["restart"] != "unless-stopped"} == set()


def test_nothing_starts_before_what_it_needs() -> None:
    waits = {
        name: {on: how["condition"] for on, how in service.get("depends_on", {}).items()}
        for name, service in OURS.items()
    }

    assert waits == {
        "topics": {"kafka": "service_healthy"},
        "worker": {"topics": "service_completed_successfully", "redis": "service_healthy"},
        "router": {
            "topics": "service_completed_successfully",
            "redis": "service_healthy",
            "mailpit": "service_healthy",
        },
    }


def test_what_must_survive_is_on_a_declared_volume() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }

    assert used == set(COMPOSE["volumes"]) == {"kafka-data", "redis-data"}


def test_nothing_is_reachable_from_outside_the_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_redis_keeps_what_it_is_given() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_our_containers_may_do_nothing_they_need_not() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_the_kill_comes_after_the_drain() -> None:
    config = load(ROOT / "deploy" / "driftbell.yaml", env={}, model=MODEL)
    grace = float(OURS["worker"]["stop_grace_period"].removesuffix("s"))

    assert grace > config.worker.shutdown_grace
    assert grace > config.router.shutdown_grace


def test_the_mounted_configuration_is_valid_and_names_the_services() -> None:
    config = load(ROOT / "deploy" / "driftbell.yaml", env={}, model=MODEL)

    assert config.kafka["bootstrap.servers"] == "kafka:19092"
    assert "INTERNAL://kafka:19092" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert config.redis.url == "redis://redis:6379/0"
    assert config.router.global_.smtp_smarthost == "mailpit:1025"
    assert config.worker.http_host == config.router.http_host == "0.0.0.0"  # noqa: S104 - inside a container
    assert f":{config.worker.http_port}" in OURS["worker"]["ports"][0]
    assert OURS["router"]["ports"][0].endswith(f":{config.router.http_port}")
    assert str(config.router.http_port) in OURS["router"]["healthcheck"]["test"][-1]


def test_every_secret_is_a_file_or_a_variable() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "deploy" / "driftbell.yaml").read_text()

    assert re.findall(r"(?im)^[^#\n]*(password|secret|token|routing_key|api_url)\s*[:=]", text) == []


def _kafka_properties() -> dict[str, str]:
    """What the image makes of its environment: KAFKA_LOG_DIRS becomes log.dirs."""
    environment = SERVICES["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


def test_the_cluster_id_is_sixteen_bytes_in_base64() -> None:
    text = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    raw = base64.urlsafe_b64decode(text + "==")

    assert (len(raw), base64.urlsafe_b64encode(raw).decode().rstrip("=")) == (16, text)


@pytest.mark.kafka
def test_kafka_itself_accepts_its_settings(tmp_path: Path) -> None:
    properties = _kafka_properties() | {"log.dirs": str(tmp_path / "data")}
    voters = f"1@127.0.0.1:{claim_port()}"
    properties["controller.quorum.voters"] = voters
    file = tmp_path / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    cluster = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    command = [java(), "-cp", f"{kafka_jars()}/*", "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "data" / "meta.properties").exists()
