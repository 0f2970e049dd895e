"""Pushover: the cases of every channel, and the contract of its messages and emergencies."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.http import HttpResponse
from driftbell.alerting.channels.pushover.pushover import PushoverChannel, judge
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from tests.alerting.alerts import make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, taken
from tests.alerting.channels.fake_pushover import Pushover, problems
from tests.alerting.channels.statuses import ANSWERS


@pytest.fixture
async def fake() -> AsyncIterator[Pushover]:
    async with Pushover() as started:
        yield started


@pytest.fixture
async def bench(fake: Pushover) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:
        address = fake.address

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            user: str = Pushover.user,
            **options: Any,
        ) -> Channel:
            return PushoverChannel(
                sessions(impatient=impatient),
                secret or SecretSource("token", Pushover.token),
                SecretSource("user_key", user),
                address,
                text=template,
                **options,
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [
                "\n".join([json.dumps(one), one["title"], one["message"], one.get("url", "")]) for one in fake.messages
            ],
            violations=lambda: [str(found) for found in fake.refused],
            secret=Pushover.token,
            stop=fake.stop,
        )


class TestPushover(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # Without "html" nothing is markup.
        fields = json.loads(accepted.partition("\n")[0])
        assert not fields.keys() & {"html", "monospace", "attachment_base64", "callback"}
        assert re.match(r"https?://[^\s<>|]+$", fields.get("url", "https://x"))

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        # A success says so in its body: anything else does not come from Pushover.
        expected = (OutcomeReason.CLIENT_ERROR, Retry.NO) if 200 <= status < 300 else (reason, retry)
        bench.faults.add(Fault(status=status, body="{}"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == expected
        assert (outcome.retry_after_seconds == 5.0) == (reason is OutcomeReason.SERVER_ERROR)

    async def test_wrong_keys_are_no_matter_of_the_content(self, bench: Bench, fake: Pushover) -> None:
        by_token = await bench.make(secret=SecretSource("token", "x" * 30)).send(delivery())
        by_user = await bench.make(user="USERKEYUSERKEY").send(delivery())

        assert by_token.reason is by_user.reason is OutcomeReason.AUTH_ERROR
        assert "USERKEY" not in by_user.detail

    async def test_the_user_key_is_a_secret(self, bench: Bench) -> None:
        bench.faults.add(Fault(status=500, body=f"no such user {Pushover.user}"))
        outcome = await bench.make().send(delivery())

        assert Pushover.user not in outcome.detail
        assert "no such user" in outcome.detail

    async def test_a_critical_page_is_repeated_until_the_incident_is_over(self, bench: Bench, fake: Pushover) -> None:
        channel = bench.make()
        again = dataclasses.replace(delivery(Kind.UPDATE), calls_again=True)
        for each in (delivery(), delivery(Kind.UPDATE), again):
            assert (await channel.send(each)).ok
        assert list(fake.repeated.values()) == [2]
        assert [one["priority"] for one in fake.messages] == ["2", "-1", "2"]

        assert (await channel.send(delivery(Kind.RESOLVE))).ok
        assert fake.repeated == {}
        assert fake.messages[-1]["priority"] == "0"

    async def test_what_somebody_has_taken_on_elsewhere_is_repeated_no_more(self, bench: Bench, fake: Pushover) -> None:
        channel = bench.make()
        assert (await channel.send(delivery())).ok
        assert (await channel.send(taken(delivery(Kind.UPDATE)))).ok

        assert fake.repeated == {}
        assert [one["priority"] for one in fake.messages] == ["2", "-1"]
        assert "acknowledged by ann" in fake.messages[-1]["message"]

    @pytest.mark.parametrize("fault", [Fault(status=500), Fault("drop"), Fault("lose")])
    async def test_a_close_that_cannot_stop_the_repetitions_is_tried_again(
        self, bench: Bench, fake: Pushover, fault: Fault
    ) -> None:
        channel = bench.make()
        bench.faults.add(Fault("lose"))
        assert (await channel.send(delivery())).reason is OutcomeReason.NO_ANSWER
        bench.faults.add(fault)
        first = await channel.send(delivery(Kind.RESOLVE))

        assert not first.ok
        assert len(fake.messages) == 1
        assert (await channel.send(delivery(Kind.RESOLVE))).ok
        assert fake.repeated == {}

    async def test_severities_have_their_priorities(self, bench: Bench, fake: Pushover) -> None:
        for severity in ("critical", "error", "warning", "info"):
            assert (await bench.make().send(delivery(alerts=[make_alert(labels={"severity": severity})]))).ok

        assert [one["priority"] for one in fake.messages] == ["2", "1", "0", "-1"]

    async def test_settings_of_the_configuration_are_sent(self, bench: Bench, fake: Pushover) -> None:
        fixed = {"device": "phone", "sound": "siren", "url": "https://example.org", "ttl": "60"}
        await bench.make(fixed=fixed, priority=Template("1", "x"), title=Template("T", "x")).send(delivery())

        [message] = fake.messages
        assert message.items() >= (fixed | {"priority": "1", "title": "T"}).items()
        assert "url_title" not in message

    async def test_used_up_messages_say_when_there_are_new_ones(self, bench: Bench, fake: Pushover) -> None:
        fake.left = 0
        outcome = await bench.make().send(delivery())

        assert outcome.reason is OutcomeReason.RATE_LIMITED
        assert outcome.retry_after_seconds is not None
        assert 900 < outcome.retry_after_seconds <= 1_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Limit-App-Remaining": "0", "X-Limit-App-Reset": "1600"}, 600.0),
        ({"X-Limit-App-Remaining": "0", "X-Limit-App-Reset": "400"}, 0.0),
        ({"X-Limit-App-Remaining": "7", "X-Limit-App-Reset": "1600"}, None),
        ({"X-Limit-App-Remaining": "0", "X-Limit-App-Reset": "soon"}, None),
        ({}, None),
    ],
)
def test_the_pause_ends_when_messages_are_left_again(headers: dict[str, str], seconds: float | None) -> None:
    assert judge(HttpResponse(429, "", None, b"", headers), now=1_000.0).retry_after_seconds == seconds


def test_the_fake_knows_the_rules() -> None:
    fields = {"message": "m", "priority": "0"}
    assert problems(fields) == []
    assert problems(fields | {"priority": "2", "retry": "30", "expire": "10800", "tags": "a"}) == []
    for change in (
        {"message": " "},
        {"message": "x" * 1025},
        {"title": "x" * 251},
        {"priority": "3"},
        {"priority": "2"},
        {"priority": "2", "retry": "29", "expire": "60"},
        {"priority": "2", "retry": "30", "expire": "10801"},
        {"url": "javascript:alert(1)"},
        {"markdown": "1"},
    ):
        assert problems(fields | change), change
