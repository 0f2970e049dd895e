"""The webhook: the cases of every channel, and Alertmanager's JSON, checked against Alertmanager itself elsewhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.webhook.webhook import WebhookChannel, go_quote_meta, payload
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.server import FakeServer
from driftbell.schemas import decode_alert
from tests.alerting.alerts import make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, huge
from tests.alerting.channels.statuses import ANSWERS


class Receiver(FakeServer):
    """Takes any JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []
        self.status = 200

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hook/{secret}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        self.bodies.append(json.loads(await request.read()))
        return self.drop(request) if fault is not None else web.Response(status=self.status)


@pytest.fixture
async def fake() -> AsyncIterator[Receiver]:
    async with Receiver() as started:
        yield started


@pytest.fixture
async def bench(fake: Receiver) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:
        secret = f"{fake.address}/hook/SECRETPATH"

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            max_alerts: int = 0,
        ) -> Channel:
            return WebhookChannel(
                sessions(impatient=impatient),
                secret or SecretSource("url", f"{fake.address}/hook/SECRETPATH"),
                max_alerts,
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [json.dumps(body, ensure_ascii=False) + _times(body) for body in fake.bodies],
            violations=list,
            secret=secret,
            stop=fake.stop,
        )


def _times(body: dict[str, Any]) -> str:
    """The JSON has numbers where pages have words."""
    evidence = body["alerts"][0]["evidence"]
    counted = f" {evidence.get('window_events', 0):,} (not carried: {body['truncatedAlerts'] + 195})"
    return counted + (" 2026-11-24 13:58:00 UTC" if evidence.get("change_point_ms") == 1_795_528_680_000 else "")


class TestWebhook(ChannelContract):
    # What takes the document is a program: it has the data.
    measured = ("error_rate", "0.098", "0.041", "1204")

    def check_harmless(self, accepted: str) -> None:
        # Text is data there; nothing of it may have become a key of the document.
        body = json.JSONDecoder().raw_decode(accepted)[0]
        assert body.keys() == payload(delivery()).keys()

    # Alertmanager's document is fixed: there are no templates.
    test_a_template_decides_the_text = None  # type: ignore[assignment]
    test_a_template_that_fails_sends_the_minimal_page = None  # type: ignore[assignment]

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        bench.faults.add(Fault(status=status), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (reason, retry)

    async def test_a_redirect_is_not_followed(self, bench: Bench, fake: Receiver) -> None:
        bench.faults.add(Fault(status=307, headers={"Location": f"{fake.address}/hook/elsewhere"}))
        outcome = await bench.make().send(delivery())

        assert outcome.reason is OutcomeReason.CLIENT_ERROR
        assert fake.bodies == []

    async def test_content_that_is_refused_is_sent_again_as_the_minimal_page(self, bench: Bench) -> None:
        bench.faults.add(self.refusal())
        outcome = await bench.make().send(delivery(alerts=huge()[:3]))

        assert outcome.reason is OutcomeReason.SENT_MINIMAL
        [text] = bench.accepted()
        body = json.JSONDecoder().raw_decode(text)[0]
        assert (len(body["alerts"]), body["truncatedAlerts"]) == (1, 2)


def test_the_document_is_alertmanagers_version_4() -> None:
    firing = make_alert(labels={"model": "fraud"})
    over = make_alert("resolved", at_ms=1_795_528_860_000, started_ms=1_795_528_800_000, labels={"model": "churn"})
    document = payload(delivery(Kind.UPDATE, [firing, over]))

    shared = {"alertname": "ErrorRateRose", "severity": "critical", "version": "3"}
    assert {name: document[name] for name in ("version", "status", "receiver", "truncatedAlerts", "commonLabels")} == {
        "version": "4",
        "status": "firing",
        "receiver": "oncall",
        "truncatedAlerts": 0,
        "commonLabels": shared,
    }
    assert [(alert["labels"]["model"], alert["status"], alert["endsAt"]) for alert in document["alerts"]] == [
        ("churn", "resolved", "2026-11-24T14:01:00.000Z"),
        ("fraud", "firing", "0001-01-01T00:00:00Z"),
    ]
    assert set(document) >= {"groupLabels", "commonAnnotations", "externalURL", "groupKey", "alerts"}
    assert set(document["alerts"][0]) >= {"labels", "annotations", "startsAt", "generatorURL", "fingerprint"}


def test_max_alerts_counts_what_it_leaves_out() -> None:
    document = payload(delivery(alerts=huge()[:5]), max_alerts=2)

    assert (len(document["alerts"]), document["truncatedAlerts"]) == (2, 3)


def test_a_receivers_name_is_quoted_as_go_quotes_it() -> None:
    assert go_quote_meta("web.hook (a+b)") == r"web\.hook \(a\+b\)"


def test_an_alert_written_with_the_origin_of_older_versions_is_read_without_it() -> None:
    alert = make_alert()
    written = msgspec.to_builtins(alert) | {"origin": {"topic": "predictions", "partition": 3, "offset": 17}}

    assert decode_alert(msgspec.json.encode(written)) == alert
