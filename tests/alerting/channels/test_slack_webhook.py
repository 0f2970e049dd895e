"""Slack's incoming webhook: the cases of every channel, and its text errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.slack.blocks import MAX_BLOCK_CHARACTERS, MAX_TEXT_BYTES, escape
from driftbell.alerting.channels.slack.webhook import SlackWebhookChannel
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.slack import Slack
from driftbell.fakes.slack_blocks import problem_of
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, hostile_alert, huge
from tests.alerting.channels.slack_markup import check_harmless
from tests.alerting.channels.statuses import ANSWERS


@pytest.fixture
async def fake() -> AsyncIterator[Slack]:
    async with Slack() as started:
        yield started


@pytest.fixture
async def bench(fake: Slack) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            **options: Any,
        ) -> Channel:
            return SlackWebhookChannel(
                sessions(impatient=impatient),
                secret or SecretSource("api_url", fake.webhook_url),
                text=template,
                **options,
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [
                json.dumps([message.text, message.blocks], ensure_ascii=False) for message in fake.messages
            ],
            violations=lambda: [call.result for call in fake.calls if call.result not in ("ok", "fault")],
            secret=fake.webhook_url,
            stop=fake.stop,
        )


class TestSlackWebhook(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        check_harmless(*json.loads(accepted))

    def refusal(self) -> Fault:
        return Fault(status=400, body="invalid_blocks")

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        expected = (OutcomeReason.CLIENT_ERROR, Retry.NO) if status < 300 else (reason, retry)
        bench.faults.add(Fault(status=status, body="something"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == expected

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (400, "invalid_payload", OutcomeReason.CONTENT_REJECTED),
            (400, "no_text", OutcomeReason.CONTENT_REJECTED),
            (400, "user_not_found", OutcomeReason.DESTINATION_GONE),
            (403, "invalid_token", OutcomeReason.AUTH_ERROR),
            (403, "action_prohibited", OutcomeReason.AUTH_ERROR),
            (404, "channel_not_found", OutcomeReason.DESTINATION_GONE),
            (404, "no_service", OutcomeReason.DESTINATION_GONE),
            (410, "channel_is_archived", OutcomeReason.DESTINATION_GONE),
            (500, "rollup_error", OutcomeReason.SERVER_ERROR),
            (200, "<html>login</html>", OutcomeReason.CLIENT_ERROR),
        ],
    )
    async def test_every_error_word_has_its_meaning(
        self, bench: Bench, status: int, body: str, reason: OutcomeReason
    ) -> None:
        bench.faults.add(Fault(status=status, body=body), times=2)
        outcome = await bench.make().send(delivery())

        assert outcome.reason is reason
        assert body.strip("<>html/") in outcome.detail

    async def test_retry_after_is_told(self, bench: Bench) -> None:
        bench.faults.add(Fault(status=429, body="rate_limited", headers={"Retry-After": "30"}))

        assert (await bench.make().send(delivery())).retry_after_seconds == 30.0

    async def test_people_are_called_when_an_incident_opens_and_only_then(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make(mentions=["<!here>", "<!subteam^S012345>"])
        for kind in (Kind.TRIGGER, Kind.UPDATE, Kind.RESOLVE):
            await channel.send(delivery(kind))

        assert ["<!here> <!subteam^S012345>" in message.everything for message in fake.messages] == [True, False, False]

    async def test_the_headline_can_be_a_template(self, bench: Bench, fake: Slack) -> None:
        await bench.make(title=Template("{{ common_labels.model | upper }}: {{ state }}", "x")).send(delivery())

        assert (
            fake.messages[0]
            .blocks[0]["text"]["text"]
            .endswith("FRAUD: firing, critical, since 2026-11-24 14:00:00 UTC")
        )

    async def test_values_in_a_text_template_cannot_become_markup(self, bench: Bench, fake: Slack) -> None:
        template = Template("<https://example.org|look> {{ common_labels.model }}", "x", escape)
        await bench.make(template=template).send(delivery(alerts=[hostile_alert("<!channel> & <@U1>")]))

        [block] = [block for block in fake.messages[0].blocks if block["type"] == "section"]
        assert block["text"]["text"] == "<https://example.org|look> &lt;!channel&gt; &amp; &lt;@U1&gt;"

    async def test_a_storm_of_alerts_stays_inside_slacks_limits(self, bench: Bench, fake: Slack) -> None:
        await bench.make().send(delivery(alerts=huge()))
        [message] = fake.messages

        assert problem_of(message.blocks) is None
        assert sum(len(text) for text in message.everything.split("\n")) < MAX_BLOCK_CHARACTERS + MAX_TEXT_BYTES
        assert len(message.text.encode()) <= MAX_TEXT_BYTES


def test_the_fake_knows_the_limits() -> None:
    def header(length: int) -> dict[str, Any]:
        return {"type": "header", "text": {"type": "plain_text", "text": "x" * length}}

    def section(length: int) -> dict[str, Any]:
        return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}

    assert problem_of([header(150), section(3000), {"type": "divider"}]) is None
    bad: list[Any] = [
        [header(151)],
        [header(0)],
        [section(3001)],
        [{"type": "nope"}],
        [section(1)] * 51,
        [section(3000)] * 5,
    ]
    for blocks in (*bad, {}):
        assert problem_of(blocks), blocks


def test_our_blocks_pass_slack_sdks_own_validation() -> None:
    from slack_sdk.models.blocks import Block

    from driftbell.alerting.channels.slack.webhook import full

    message = full(delivery(), ["<!here>"], None, None)
    for block in message["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
