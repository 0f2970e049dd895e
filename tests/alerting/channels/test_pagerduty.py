"""PagerDuty: the cases of every channel, and the contract of its Events API."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.pagerduty.attached import Attached
from driftbell.alerting.channels.pagerduty.pagerduty import MAX_SUMMARY, PagerDutyChannel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.pagerduty import PagerDuty, problems
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import KEY, delivery, taken
from tests.alerting.channels.statuses import ANSWERS

ROUTING_KEY = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY01"


@pytest.fixture
async def fake() -> AsyncIterator[PagerDuty]:
    async with PagerDuty(routing_keys={ROUTING_KEY}) as started:
        yield started


@pytest.fixture
async def bench(fake: PagerDuty) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            **options: Any,
        ) -> Channel:
            key = secret or SecretSource("routing_key", ROUTING_KEY)
            return PagerDutyChannel(sessions(impatient=impatient), key, fake.url, description=template, **options)

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [
                json.dumps(event.body, ensure_ascii=False) for event in fake.events if event.status == 202
            ],
            violations=lambda: [str(problems(event.body, 0)) for event in fake.events if event.effect == "refused"],
            secret=ROUTING_KEY,
            stop=fake.stop,
        )


class TestPagerDuty(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # PagerDuty shows text as it is. What it would follow is a link or an image, and these are only what we make.
        event = json.loads(accepted)
        assert all(re.match(r"https?://\S+$", link["href"]) for link in event.get("links", ()))
        assert "images" not in event

    async def test_trigger_update_and_resolve_are_one_incident(self, bench: Bench, fake: PagerDuty) -> None:
        channel = bench.make()
        for number, kind in enumerate((Kind.TRIGGER, Kind.UPDATE, Kind.RESOLVE)):
            assert (await channel.send(delivery(kind, number=number))).ok

        assert [event.effect for event in fake.events] == ["triggered", "updated", "resolved"]
        [incident] = fake.incidents
        assert (incident.dedup_key, incident.severity, incident.triggers) == (KEY, "critical", 2)

    async def test_what_somebody_has_taken_on_is_acknowledged_and_opens_nothing(
        self, bench: Bench, fake: PagerDuty
    ) -> None:
        channel = bench.make()
        assert (await channel.send(delivery())).ok
        both = dataclasses.replace(delivery(Kind.UPDATE), key=f"{KEY}-2", older_keys=(KEY,))
        assert (await channel.send(dataclasses.replace(both, calls_again=True))).ok
        assert (await channel.send(taken(both))).ok
        assert (await channel.send(taken(dataclasses.replace(delivery(), key="never opened")))).ok

        assert [event.effect for event in fake.events][2:] == ["acknowledged", "acknowledged", "dropped"]
        assert [incident.acknowledged for incident in fake.incidents] == [True, True]

    async def test_a_new_call_does_not_ring_for_what_somebody_has(self, bench: Bench, fake: PagerDuty) -> None:
        channel = bench.make()
        assert (await channel.send(delivery())).ok
        alerts = [make_alert(), make_alert(labels={"family": "drift"})]
        again = taken(delivery(Kind.UPDATE, alerts))
        some = msgspec.structs.replace(again.notification, acknowledged=1)
        again = dataclasses.replace(again, notification=some, key=f"{KEY}-2", older_keys=(KEY,), calls_again=True)
        assert (await channel.send(again)).ok

        assert {one.dedup_key: one.acknowledged for one in fake.open} == {KEY: True, f"{KEY}-2": False}
        assert "1 of 2 acknowledged by ann" in fake.events[-1].body["payload"]["custom_details"]["State"]

    async def test_a_call_of_its_own_is_closed_with_the_first(self, bench: Bench, fake: PagerDuty) -> None:
        channel = bench.make()
        again = dataclasses.replace(delivery(Kind.UPDATE), key=f"{KEY}-2", older_keys=(KEY,), calls_again=True)
        over = dataclasses.replace(delivery(Kind.RESOLVE), key=f"{KEY}-2", older_keys=(KEY,))
        assert (await channel.send(delivery())).ok
        assert (await channel.send(again)).ok
        assert len(fake.open) == 2

        bench.faults.add(Fault(status=500), times=1)
        assert not (await channel.send(over)).ok
        assert (await channel.send(over)).ok
        assert fake.open == []
        assert len(fake.incidents) == 2

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        # 202 is the only success: anything else below 300 does not come from PagerDuty.
        expected = (OutcomeReason.CLIENT_ERROR, Retry.NO) if 200 <= status < 400 and status != 202 else (reason, retry)
        bench.faults.add(Fault(status=status, body="{}"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == expected

    async def test_a_throttled_event_says_when_to_come_back(self, bench: Bench) -> None:
        body = '{"status":"throttle exceeded","message":"Requests for this service are arriving too quickly."}'
        bench.faults.add(Fault(status=429, body=body, headers={"Retry-After": "42"}))
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry_after_seconds) == (OutcomeReason.RATE_LIMITED, 42.0)

    async def test_a_wrong_key_is_told_and_final(self, fake: PagerDuty, bench: Bench) -> None:
        outcome = await bench.make(secret=SecretSource("routing_key", "short")).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.CONTENT_REJECTED, Retry.NO)
        assert "Length of 'routing_key' is incorrect" in outcome.detail

    async def test_the_event_has_the_fields_that_pagerduty_shows(self, bench: Bench, fake: PagerDuty) -> None:
        await bench.make(client="driftbell", client_url="https://driftbell.example.org").send(delivery())
        [event] = fake.events

        assert {name: event.body[name] for name in ("client", "client_url", "event_action", "dedup_key")} == {
            "client": "driftbell",
            "client_url": "https://driftbell.example.org",
            "event_action": "trigger",
            "dedup_key": KEY,
        }
        assert event.body["links"] == [
            {"href": "https://runbooks.example.org/error-rate", "text": "Runbook"},
            {"href": "https://driftbell.example.org", "text": "Router"},
        ]
        payload = event.body["payload"]
        assert (payload["source"], payload["component"], payload["class"]) == ("fraud", "3", "ErrorRateRose")
        assert payload["timestamp"] == "2026-11-24T14:00:00.000Z"
        [alert] = payload["custom_details"]["Alerts"]
        assert alert["Moved most"] == "amount (strongly), country"

    async def test_the_component_is_what_is_at_fault_and_the_time_is_that_of_the_event(
        self, bench: Bench, fake: PagerDuty
    ) -> None:
        about = {"family": "quality", "version": "3"}
        alerts = [
            make_alert(at_ms=START_MS + 60_000, labels={**about, "feature": "amount"}),
            make_alert(at_ms=START_MS - 60_000, labels={**about, "feature": "country"}),
        ]
        await bench.make(client="driftbell", client_url="").send(delivery(alerts=alerts))
        [event] = fake.events

        assert event.body["payload"]["component"] == "amount, country"
        assert event.body["payload"]["timestamp"] == "2026-11-24T13:59:00.000Z"
        assert event.body["client_url"] == "https://driftbell.example.org"

    async def test_links_and_images_of_the_configuration_are_added(self, bench: Bench, fake: PagerDuty) -> None:
        links = [
            Attached(Template("https://grafana.example.org/{{ common_labels.model }}", "x"), Template("Panel", "x")),
            Attached(Template("javascript:{{ common_labels.model }}", "x"), Template("no", "x")),
        ]
        images = [
            Attached(
                source=Template("https://img.example.org/{{ common_labels.model }}.png", "x"), text=Template("A", "x")
            ),
            Attached(source=Template("http://img.example.org/plain.png", "x")),
        ]
        await bench.make(links=links, images=images).send(delivery())
        await bench.make(links=links, images=images).send(delivery(Kind.RESOLVE))

        assert fake.events[0].body["links"][-1] == {"href": "https://grafana.example.org/fraud", "text": "Panel"}
        assert "javascript" not in str(fake.events[0].body["links"])
        assert fake.events[0].body["images"] == [{"src": "https://img.example.org/fraud.png", "alt": "A"}]
        assert [event.effect for event in fake.events] == ["triggered", "resolved"]
        assert "images" not in fake.events[1].body

    async def test_a_long_summary_is_cut_in_characters(self, bench: Bench, fake: PagerDuty) -> None:
        await bench.make().send(delivery(alerts=[make_alert(annotations={"summary": "ä" * 5000})]))

        assert fake.incidents[0].summary == "CRITICAL " + "ä" * (MAX_SUMMARY - 10) + "…"

    @pytest.mark.parametrize(("label", "severity"), [("info", "info"), ("CRITICAL", "critical"), ("page", "warning")])
    async def test_the_severity_is_one_that_pagerduty_knows(
        self, bench: Bench, fake: PagerDuty, label: str, severity: str
    ) -> None:
        await bench.make().send(delivery(alerts=[make_alert(labels={"severity": label})]))

        assert fake.incidents[0].severity == severity

    async def test_details_of_the_configuration_are_added(self, bench: Bench, fake: PagerDuty) -> None:
        await bench.make(details={"Team": Template("{{ common_labels.model }} owners", "x")}).send(delivery())

        assert fake.events[0].body["payload"]["custom_details"]["Team"] == "fraud owners"

    @pytest.mark.parametrize("number", [6, 20])
    async def test_details_that_make_the_event_too_large_are_cut_and_the_alerts_stay(
        self, bench: Bench, fake: PagerDuty, number: int
    ) -> None:
        details = {f"d{one}": Template("{{ 'ä' * 99000 }}", "x") for one in range(number)}
        outcome = await bench.make(details=details).send(delivery())

        assert outcome.reason is OutcomeReason.SENT
        assert bench.violations() == []
        shown = fake.events[0].body["payload"]["custom_details"]
        assert shown["Alerts"][0]["Measured"].startswith("Error rate 9.8 %")
        assert shown["d0"].startswith("ääää")
        assert set(shown["Cut, because an event holds 512 KB"].split(", ")) == set(details)


def test_the_fake_knows_the_rules() -> None:
    event: dict[str, Any] = {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "x", "severity": "critical"},
    }
    assert problems(event, 100) == []
    for change, word in (
        ({"routing_key": "x"}, "routing_key"),
        ({"event_action": "open"}, "event_action"),
        ({"event_action": "resolve"}, "dedup_key"),
        ({"dedup_key": "x" * 256}, "dedup_key"),
        ({"payload": {**event["payload"], "severity": "page"}}, "severity"),
        ({"payload": {**event["payload"], "summary": "s" * 1025}}, "summary"),
        ({"payload": {**event["payload"], "links": []}}, "links"),
        ({"links": [{"href": "ftp://x"}]}, "links"),
        ({"details": {}}, "details"),
    ):
        assert any(word in problem for problem in problems({**event, **change}, 100)), change
    assert problems(event, 600_000)
