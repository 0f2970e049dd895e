"""ntfy: the cases of every channel, and the contract of its publishing."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.http_config.options import HttpOptions
from driftbell.alerting.channels.ntfy.ntfy import NtfyChannel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.urgency import REPEAT, TRIED_AGAIN
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from tests.alerting.alerts import make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, taken
from tests.alerting.channels.fake_ntfy import Ntfy, problem_of
from tests.alerting.channels.statuses import ANSWERS

TOKEN = "tk_TOKEN0123456789"


@pytest.fixture
async def fake() -> AsyncIterator[Ntfy]:
    async with Ntfy(TOKEN) as started:
        yield started


@pytest.fixture
async def bench(fake: Ntfy) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:
        address = fake.address

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            options: HttpOptions | None = None,
            **fields: Any,
        ) -> Channel:
            return NtfyChannel(
                sessions(impatient=impatient),
                address,
                SecretSource("topic", Ntfy.topic),
                options=options or HttpOptions(credentials=secret or SecretSource("token", TOKEN)),
                text=template,
                **fields,
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [
                "\n".join([json.dumps(body), body["title"], body["message"], body.get("click", "")])
                for body in fake.published
            ],
            violations=lambda: fake.refused,
            secret=TOKEN,
            stop=fake.stop,
        )


class TestNtfy(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # Nothing is markup unless "markdown" is asked for; tags and actions are not made of events.
        body = json.loads(accepted.partition("\n")[0])
        assert body.keys() <= {"topic", "title", "message", "priority", "tags", "click", "sequence_id"}
        assert body["tags"] in (["rotating_light"], ["white_check_mark"])
        assert re.match(r"https?://[^\s<>|]+$", body.get("click", "https://x"))

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        # A success has the message in it: anything else does not come from ntfy.
        expected = (OutcomeReason.CLIENT_ERROR, Retry.NO) if 200 <= status < 300 else (reason, retry)
        bench.faults.add(Fault(status=status, body="{}"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == expected

    @pytest.mark.parametrize(
        ("status", "code", "reason"),
        [
            (400, 40009, OutcomeReason.DESTINATION_GONE),
            (400, 40007, OutcomeReason.CONTENT_REJECTED),
            (429, 42908, OutcomeReason.RATE_LIMITED),
            (507, 50701, OutcomeReason.SERVER_ERROR),
            (400, ["x"], OutcomeReason.CONTENT_REJECTED),
        ],
    )
    async def test_the_code_of_an_error_decides(
        self, bench: Bench, status: int, code: Any, reason: OutcomeReason
    ) -> None:
        bench.faults.add(Fault(status=status, body=json.dumps({"code": code, "http": status})), times=2)

        assert (await bench.make().send(delivery())).reason is reason

    async def test_a_throttled_message_says_when_to_come_back(self, bench: Bench) -> None:
        bench.faults.add(Fault(status=429, headers={"Retry-After": "5"}))
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry_after_seconds) == (OutcomeReason.RATE_LIMITED, 5.0)

    async def test_the_topic_is_a_secret(self, bench: Bench) -> None:
        bench.faults.add(Fault(status=500, body=f"no space in {Ntfy.topic}"))
        outcome = await bench.make().send(delivery())

        assert Ntfy.topic not in outcome.detail
        assert "no space in" in outcome.detail

    async def test_an_incident_is_one_message_on_the_telephone(self, bench: Bench, fake: Ntfy) -> None:
        channel = bench.make()
        for each in (delivery(), taken(delivery(Kind.UPDATE)), delivery(Kind.RESOLVE)):
            assert (await channel.send(each)).ok

        [shown] = fake.shown.values()
        assert shown["tags"] == ["white_check_mark"]
        assert shown["message"].startswith("resolved after 12 min")
        assert [body["priority"] for body in fake.published] == [5, 2, 3]
        assert fake.published[1]["tags"] == ["yellow_circle"]

    async def test_only_what_calls_is_loud(self, bench: Bench, fake: Ntfy) -> None:
        again = dataclasses.replace(delivery(Kind.UPDATE), calls_again=True)
        for each in (again, _with_reason(REPEAT), delivery(alerts=[make_alert(labels={"severity": "info"})])):
            assert (await bench.make().send(each)).ok

        assert [body["priority"] for body in fake.published] == [5, 4, 2]
        assert (DecisionReason.REPEAT.value, DecisionReason.TRIED_AGAIN.value) == (REPEAT, TRIED_AGAIN)

    @pytest.mark.parametrize(("given", "sent"), [("1", 1), (" 4\n", 4), ("9", 5), ("loud", 5)])
    async def test_a_priority_of_the_configuration_wins_where_it_is_one(
        self, bench: Bench, fake: Ntfy, given: str, sent: int
    ) -> None:
        await bench.make(priority=Template(given, "x")).send(delivery())

        assert fake.published[0]["priority"] == sent

    async def test_a_name_and_a_password_open_the_server_too(self, bench: Bench, fake: Ntfy) -> None:
        sound = HttpOptions(username=Ntfy.username, password=SecretSource("password", Ntfy.password))
        wrong = HttpOptions(username=Ntfy.username, password=SecretSource("password", "no"))

        assert (await bench.make(options=sound).send(delivery())).ok
        assert (await bench.make(options=wrong).send(delivery())).reason is OutcomeReason.AUTH_ERROR
        assert (await bench.make(options=HttpOptions()).send(delivery())).ok is False

    async def test_tags_and_addresses_of_the_configuration_are_sent(self, bench: Bench, fake: Ntfy) -> None:
        await bench.make(tags=["ml"], click="https://example.org/c", icon="https://example.org/i.png").send(delivery())

        [body] = fake.published
        assert (body["tags"], body["click"]) == (["rotating_light", "ml"], "https://example.org/c")
        assert body["icon"] == "https://example.org/i.png"

    @pytest.mark.parametrize("text", ['"' * 9_000, "\\n" * 9_000, "\U0001f469" * 9_000])
    async def test_a_text_that_grows_in_json_is_cut_to_what_the_server_reads(
        self, bench: Bench, fake: Ntfy, text: str
    ) -> None:
        outcome = await bench.make(template=Template(f"{{{{ {text!r} }}}}", "x")).send(delivery())

        assert outcome.reason is OutcomeReason.SENT
        assert fake.refused == []
        assert len(fake.published[0]["message"].encode()) > 3_500


def _with_reason(reason: str) -> Delivery:
    usual = delivery(Kind.UPDATE)
    return dataclasses.replace(usual, notification=msgspec.structs.replace(usual.notification, reason=reason))


def test_the_fake_knows_the_rules() -> None:
    body: dict[str, Any] = {"topic": "t", "message": "m", "priority": 3, "sequence_id": "a"}
    assert problem_of(body, 100, "t") is None
    for change in (
        {"topic": "a/b"},
        {"topic": "other"},
        {"message": "x" * 5_000},
        {"message": ""},
        {"priority": 6},
        {"priority": "5"},
        {"tags": ["a,b"]},
        {"sequence_id": "a b"},
        {"click": "javascript:alert(1)"},
        {"colour": "red"},
    ):
        assert problem_of(body | change, 100, "t") is not None, change
    assert problem_of(body, 9_000, "t") is not None
