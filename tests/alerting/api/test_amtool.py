"""The real amtool against our API, and the real Prometheus, whose alerts reach a channel and are closed."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from driftbell.alerting.times import rfc3339
from tests.alerting.api.beside import CONFIG
from tests.alerting.api.serving import Served, serving
from tests.alerting.process.test_service import configured, running
from tests.alerting.vendors import Vendors, until
from tests.services.embedded import EmbeddedBroker
from tests.services.missing import missing
from tests.services.ports import claim_port
from tests.services.prometheus import PrometheusServer
from tests.services.tls import Certificates

pytestmark = pytest.mark.slow

ROUTER = {**CONFIG, "route": {**CONFIG["route"], "group_wait": 3600.0}}


async def amtool(served: Served, *arguments: str, scheme: str = "http") -> str:
    """What amtool prints; it must end well."""
    status, output, errors = await run(served, *arguments, scheme=scheme)
    assert status == 0, f"{arguments}: {output}{errors}"
    return output


async def run(served: Served, *arguments: str, scheme: str = "http") -> tuple[int, str, str]:
    program = shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")
    url = f"--alertmanager.url={scheme}://localhost:{served.server.port}"
    process = await asyncio.create_subprocess_exec(
        program, url, "--no-version-check", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def ids(served: Served, *arguments: str) -> list[str]:
    return (await amtool(served, "silence", "query", "-q", *arguments)).split()


async def test_alerts_are_added_and_queried() -> None:
    async with serving(ROUTER) as served:
        await amtool(served, "alert", "add", "alertname=Load", "team=x", "sev=warn", "--annotation=summary=high load")
        await amtool(served, "alert", "add", "Disk", "team=y", f"--end={rfc3339(round(time.time() * 1000) + 60_000)}")
        listed = (await amtool(served, "alert", "query")).splitlines()[1:]
        assert sorted(line.split()[0] for line in listed) == ["Disk", "Load"]
        assert "Disk" not in await amtool(served, "alert", "query", "team=~x|z")
        [alert] = json.loads(await amtool(served, "-o", "json", "alert", "query", "Load"))
        assert alert["annotations"] == {"summary": "high load"}
        assert [one["name"] for one in alert["receivers"]] == ["x-team", "xy"]
        assert "rest" not in await amtool(served, "-o", "extended", "alert", "query", "--receiver=xy")


async def test_silences_are_added_listed_updated_imported_and_expired(tmp_path: Path) -> None:
    async with serving(ROUTER) as served:
        await amtool(served, "alert", "add", "Load", "team=x")
        silence = await amtool(served, "silence", "add", "Load", "team=~x|y", "-d", "2h", "-c", "why", "-a", "me")
        assert await ids(served) == [silence.strip()]
        assert (await amtool(served, "alert", "query")).splitlines()[1:] == []
        assert "Load" in await amtool(served, "alert", "query", "--silenced")
        shown = await amtool(served, "-o", "extended", "silence", "query")
        assert '{alertname="Load",team=~"x|y"}' in shown and "me" in shown

        await amtool(served, "silence", "update", "-d", "5h", "-c", "longer", silence.strip())
        [one] = json.loads(await amtool(served, "-o", "json", "silence", "query"))
        assert (one["comment"], one["id"]) == ("longer", silence.strip())
        assert await ids(served, "--within=3h") == []
        assert await ids(served, "--within=6h") == [silence.strip()]

        file = tmp_path / "silences.json"
        file.write_text(await amtool(served, "-o", "json", "silence", "query"))
        await amtool(served, "silence", "expire", silence.strip())
        assert await ids(served) == []
        assert await ids(served, "--expired") == [silence.strip()]
        assert "Load" in await amtool(served, "alert", "query")
        await amtool(served, "silence", "import", "--force", str(file))
        [imported] = await ids(served)
        assert imported != silence.strip()
        status, _, errors = await run(served, "silence", "add", "a=~.*", "-c", "all")
        assert status != 0 and "at least one matcher must not match the empty string" in errors
        status, _, errors = await run(served, "silence", "expire", "11111111-1111-1111-1111-111111111111")
        assert status != 0 and errors


async def test_the_configuration_is_shown_and_its_routes_are_tried(tmp_path: Path) -> None:
    router: dict[str, Any] = {
        **ROUTER,
        "time_intervals": [
            {
                "name": "night",
                "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "06:00"}], "months": [1]}],
            }
        ],
        "receivers": [*ROUTER["receivers"], {"name": "log", "log_configs": [{}]}],
        "external_url": "https://driftbell.example.org",
    }
    async with serving(router) as served:
        shown = await amtool(served, "config", "show")
        routes = await amtool(served, "config", "routes", "show")
        assert '{team=~"x|y",sev!="info"}' in routes or '{sev!="info",team=~"x|y"}' in routes
        assert (await amtool(served, "config", "routes", "test", "team=x", "sev=crit")).split() == ["x-team,xy"]
        assert (await amtool(served, "config", "routes", "test", "team=q")).split() == ["rest"]
        assert "disabled" in await amtool(served, "cluster", "show")
        file = tmp_path / "shown.yml"
        file.write_text(shown)
        assert "SUCCESS" in await amtool(served, "check-config", str(file))
        assert yaml.safe_load(shown)["receivers"][-1] == {"name": "log"} and '"log" log_configs' in shown


async def test_amtool_shows_who_it_is_over_https(certificates: Certificates, tmp_path: Path) -> None:
    file = tmp_path / "http.yml"
    tls = {"ca_file": str(certificates.ca)}
    async with serving(
        username="me",
        password="pass",
        bearer_token="token",
        tls_cert_file=str(certificates.server_certificate),
        tls_key_file=str(certificates.server_key),
    ) as served:
        for identity in (
            {"basic_auth": {"username": "me", "password": "pass"}},
            {"authorization": {"type": "Bearer", "credentials": "token"}},
        ):
            file.write_text(json.dumps({**identity, "tls_config": tls}))
            assert await amtool(served, f"--http.config.file={file}", "silence", "query", scheme="https")
        file.write_text(json.dumps({"basic_auth": {"username": "me", "password": "no"}, "tls_config": tls}))
        status, _, _ = await run(served, f"--http.config.file={file}", "silence", "query", scheme="https")
        assert status != 0


async def nothing(request: web.Request) -> web.Response:
    return web.Response(text="")


async def test_an_alert_of_the_real_prometheus_reaches_a_channel_and_is_closed(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rule = {
        "alert": "LoadIsHigh",
        "expr": "up == 0",
        "labels": {"severity": "critical", "model": "host"},
        "annotations": {"summary": "{{ $labels.job }} does not answer"},
    }
    rules.write_text(yaml.safe_dump({"groups": [{"name": "test", "interval": "1s", "rules": [rule]}]}))
    port, watched = claim_port(), claim_port()
    async with Vendors() as vendors:
        settings = vendors.settings(embedded_broker.settings, api={"listen": f"127.0.0.1:{port}"})
        async with running(configured(settings)):
            server = PrometheusServer(
                tmp_path / "prometheus", {"host": [f"127.0.0.1:{watched}"]}, [rules], [f"127.0.0.1:{port}"]
            )
            await asyncio.to_thread(server.start)
            try:
                await until(lambda: vendors.pagerduty.open, "the page", 40)
                [incident] = vendors.pagerduty.incidents
                assert "host does not answer" in incident.summary
                app = web.Application()
                app.router.add_get("/metrics", nothing)
                back = web.AppRunner(app)
                await back.setup()
                await web.TCPSite(back, "127.0.0.1", watched).start()
                await until(lambda: not vendors.pagerduty.open, "its close", 40)
                await back.cleanup()
            finally:
                await asyncio.to_thread(server.stop)
        assert len(vendors.pagerduty.incidents) == 1
