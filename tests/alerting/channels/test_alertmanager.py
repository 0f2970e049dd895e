"""Forwarding to an Alertmanager: the cases of every channel, clusters, and what keeps an alert alive there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.alerting.channels.alertmanager.alertmanager import BATCH, AlertmanagerChannel
from driftbell.alerting.channels.alertmanager.postable import postable
from driftbell.alerting.channels.channel import Channel, KeepsAlive
from driftbell.alerting.channels.http_config.options import HttpOptions
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import HOSTILE, delivery, hostile_alert, huge
from tests.alerting.channels.fake_alertmanager import FakeAlertmanager, problems
from tests.alerting.channels.statuses import ANSWERS


@pytest.fixture
async def fake() -> AsyncIterator[FakeAlertmanager]:
    async with FakeAlertmanager() as started:
        yield started


@pytest.fixture
async def bench(fake: FakeAlertmanager) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:
        address = fake.base

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            addresses: tuple[str, ...] = (address,),
            **options: Any,
        ) -> Channel:
            return AlertmanagerChannel(
                sessions(impatient=impatient),
                addresses,
                options=HttpOptions(credentials=secret or SecretSource("credentials", fake.token)),
                **options,
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: ["\n".join(map(_text, post)) + f"\nof 250: {len(post) + 45}" for post in fake.posts],
            violations=lambda: fake.refused,
            secret=fake.token,
            stop=fake.stop,
        )


def _text(alert: dict[str, Any]) -> str:
    return "\n".join([json.dumps(alert), *alert["labels"].values(), *alert["annotations"].values()])


class TestAlertmanager(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # Text is data there: it must have become no label, no field and no address.
        alert = json.loads(accepted.partition("\n")[0])
        assert problems(alert) == []
        assert alert["labels"].keys() <= {"alertname", "model", "team", "severity", "version"}

    # Alertmanager makes the message: there are no templates.
    test_a_template_decides_the_text = None  # type: ignore[assignment]
    test_a_template_that_fails_sends_the_minimal_page = None  # type: ignore[assignment]

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        bench.faults.add(Fault(status=status), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (reason, retry)

    async def test_an_alert_fires_until_it_is_over(self, bench: Bench, fake: FakeAlertmanager) -> None:
        channel = bench.make(resolve_after_seconds=300)
        await channel.send(delivery())
        assert fake.firing() == fake.firing(time.time() + 290) == ["fraud"]
        assert fake.firing(time.time() + 310) == []

        now_ms = round(time.time() * 1000)
        await channel.send(
            delivery(Kind.RESOLVE, [make_alert("resolved", at_ms=now_ms - 1_000, started_ms=now_ms - 9_000)])
        )
        assert fake.firing() == []

    async def test_what_fires_is_said_again_in_pieces(self, bench: Bench, fake: FakeAlertmanager) -> None:
        channel = bench.make()
        assert isinstance(channel, KeepsAlive)
        alerts = [make_alert(labels={"model": f"m{number}"}) for number in range(BATCH + 7)]
        outcome = await channel.keep(lambda: alerts)

        assert outcome.ok
        assert [len(post) for post in fake.posts] == [BATCH, 7]
        assert (await channel.keep(list)).ok
        assert len(fake.posts) == 2

    async def test_an_alert_of_the_end_of_the_calendar_is_said_again_with_the_others(
        self, bench: Bench, fake: FakeAlertmanager
    ) -> None:
        channel = bench.make()
        assert isinstance(channel, KeepsAlive)
        last = make_alert(labels={"model": "late"}, startsAt="9999-12-31T23:59:59.9999Z")
        assert (await channel.keep(lambda: [last, make_alert()])).ok
        assert (await channel.send(delivery(alerts=[last]))).reason is OutcomeReason.SENT

        assert fake.posts[0][0]["endsAt"] == "9999-12-31T23:59:59.999Z"
        assert fake.firing() == ["fraud", "late"]

    async def test_an_alert_that_cannot_be_said_again_keeps_no_other_from_it(
        self, bench: Bench, fake: FakeAlertmanager
    ) -> None:
        channel = bench.make()
        assert isinstance(channel, KeepsAlive)
        assert (await channel.keep(lambda: [make_alert(startsAt="yesterday"), make_alert()])).ok

        assert fake.firing() == ["fraud"]

    async def test_a_repetition_does_not_overtake_a_close(self, bench: Bench, fake: FakeAlertmanager) -> None:
        channel = bench.make()
        assert isinstance(channel, KeepsAlive)
        firing = [make_alert()]

        async def close() -> None:
            await channel.send(delivery(Kind.RESOLVE))
            firing.clear()

        # The close is on its way first; what fires is asked for only when it has arrived.
        await asyncio.gather(close(), channel.keep(lambda: list(firing)))

        assert len(fake.posts) == 1

    async def test_one_member_of_a_cluster_is_enough(
        self, bench: Bench, fake: FakeAlertmanager, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with FakeAlertmanager() as other:
            channel = bench.make(addresses=(other.base, fake.base))
            assert isinstance(channel, KeepsAlive)
            assert (await channel.send(delivery())).ok
            assert len(other.posts) == len(fake.posts) == 1
            port = other.port
            await other.stop()
            assert [(await channel.send(delivery())).ok for _ in range(3)] == [True] * 3
            # One word of it, not one for each page.
            [record] = [record for record in caplog.records if record.message == "an alertmanager takes no alerts"]
            assert record.__dict__["address"] == f"127.0.0.1:{port}"

            await other.start(port)
            assert (await channel.keep(lambda: [make_alert()])).ok
            assert other.firing() == ["fraud"]
            assert (await channel.send(delivery())).ok
            assert len(other.posts) == 3

    async def test_of_several_failures_the_one_that_passes_is_told(self, bench: Bench, fake: FakeAlertmanager) -> None:
        async with FakeAlertmanager() as other:
            other.faults.add(Fault(status=401))
            bench.faults.add(Fault(status=503))
            outcome = await bench.make(addresses=(other.base, fake.base)).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.SERVER_ERROR, Retry.YES)

    async def test_a_redirect_is_not_followed(self, bench: Bench, fake: FakeAlertmanager) -> None:
        bench.faults.add(Fault(status=307, headers={"Location": f"{fake.base}api/v2/alerts"}))

        assert (await bench.make().send(delivery())).reason is OutcomeReason.CLIENT_ERROR
        assert fake.posts == []


def test_labels_are_named_as_alertmanager_takes_them() -> None:
    alert = make_alert(labels={"a-b": "1", "a_b": "2", "1st": "3", "ä": "4", "": "5", "empty": ""})
    labels = postable(alert, START_MS, 1)["labels"]

    # "a_b" is right as it is; of "ä" and "", which become the same, the first in order.
    assert {name: labels[name] for name in ("a_b", "_1st", "_")} == {"a_b": "2", "_1st": "3", "_": "5"}
    assert "empty" not in labels


@pytest.mark.parametrize("ends", ["2026-11-24T13:00:00.000Z", None])
def test_an_end_is_never_before_its_start(ends: str | None) -> None:
    alert = make_alert("resolved", endsAt=ends)

    assert problems(postable(alert, START_MS - 60_000, 300_000)) == []


def test_the_same_alert_has_the_same_text_in_every_post() -> None:
    first, later = (postable(make_alert(), START_MS + at, 300_000) for at in (0, 60_000))

    assert {**first, "endsAt": ""} == {**later, "endsAt": ""}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_cut_text_is_cut_alike_in_a_page_and_in_a_repetition(text: str) -> None:
    alert = hostile_alert(text)
    [paged] = delivery(alerts=[alert]).notification.alerts

    assert postable(paged, START_MS, 1)["labels"] == postable(alert, START_MS, 1)["labels"]


def test_a_storm_of_one_group_is_whole_in_the_repetitions() -> None:
    assert len({json.dumps(postable(one, START_MS, 1)["labels"]) for one in huge()}) == 250
