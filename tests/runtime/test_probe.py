"""The probe of the image's health check, against the real ops endpoints."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from driftbell.runtime.observability.ops import Health, OpsServer, new_registry
from driftbell.runtime.observability.probe import probe
from tests.services.ports import claim_port

ROOT = Path(__file__).parents[2]


def _server(health: Health) -> OpsServer:
    return OpsServer("127.0.0.1", 0, registry=new_registry(), health=lambda: health, ready=lambda: health)


@pytest.mark.parametrize(("health", "code"), [(Health(True, "ok"), 0), (Health(False, "stalled", "for 20 s"), 1)])
async def test_the_exit_code_is_the_verdict_and_the_output_the_reason(health: Health, code: int) -> None:
    async with _server(health) as server:
        url = f"http://127.0.0.1:{server.port}/healthz"
        command = [sys.executable, "-m", "driftbell.runtime.observability.probe", url]
        result = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == code
    assert f'"reason":"{health.reason}"' in result.stdout


def test_nobody_listening_is_not_healthy() -> None:
    well, said = probe(f"http://127.0.0.1:{claim_port()}/healthz")

    assert not well
    assert "refused" in said


def test_only_http_is_asked() -> None:
    assert probe("file:///etc/hostname") == (False, "file:///etc/hostname is no http:// address")
