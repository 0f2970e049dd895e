"""The router's metrics: their names, and that what is known in advance is there from the start."""

from __future__ import annotations

import shutil
import subprocess

from prometheus_client import CollectorRegistry, generate_latest

from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.process.metrics import RouterMetrics
from tests.alerting.rig import Rig
from tests.services.missing import missing


def test_promtool_has_nothing_against_the_names() -> None:
    promtool = shutil.which("promtool") or missing("promtool", "apt-get install prometheus")
    registry = CollectorRegistry()
    RouterMetrics(registry, ["pagerduty"])
    verdict = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False
    )

    assert (verdict.returncode, verdict.stderr + verdict.stdout) == (0, b"")


def test_every_label_is_there_before_anything_happens() -> None:
    registry = CollectorRegistry()
    RouterMetrics(registry, ["pagerduty", "slack"])

    for integration in ("pagerduty", "slack"):
        for reason in ("rate_limited", "auth_error", "no_answer"):
            labels = {"integration": integration, "reason": reason}
            assert registry.get_sample_value("driftbell_router_notifications_failed_total", labels) == 0
        labels = {"integration": integration, "kind": "resolve"}
        assert registry.get_sample_value("driftbell_router_notifications_total", labels) == 0
    assert registry.get_sample_value("driftbell_router_records_total", {"result": "bad_record"}) == 0


async def test_what_happens_is_counted() -> None:
    one = await Rig({"group_wait": 1, "group_interval": 5}).start()
    one.vendor.script = [failed(OutcomeReason.SERVER_ERROR, "HTTP 500")]
    await one.fire()
    await one.until(1)
    one.router.measure()

    def value(name: str, **labels: str) -> float | None:
        return one.router.metrics.registry.get_sample_value(f"driftbell_router_{name}", labels)

    assert value("queue_rows", integration="pagerduty") == 1
    assert value("incidents_open", integration="pagerduty") == 0
    assert (value("alerts_firing"), value("groups")) == (1, 1)
    await one.until(4)
    one.router.measure()
    assert value("queue_rows", integration="pagerduty") == 0
    assert value("incidents_open", integration="pagerduty") == 1
    assert value("attempts_total", integration="pagerduty") == 2
    assert value("notifications_failed_total", integration="pagerduty", reason="server_error") == 1
    assert value("notifications_total", integration="pagerduty", kind="trigger") == 1
    assert value("decisions_total", integration="pagerduty", reason="first_notification") == 1
    assert value("records_total", result="firing") == 1
    waited = value("time_to_first_notify_seconds_sum", integration="pagerduty")
    assert waited is not None and 1 <= waited <= 2.1
