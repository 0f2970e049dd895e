"""Slack's Web API: the cases of every channel, editing in place, threads, and its error words."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.slack.api import SlackApiChannel
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry
from driftbell.alerting.pictures.picture import PICTURES, Picture
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.slack import Slack
from tests.alerting.alerts import make_alert
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, taken
from tests.alerting.channels.slack_markup import check_harmless
from tests.alerting.channels.statuses import ANSWERS

TOKEN = "xoxb-0123456789-SECRETTOKEN"
CHANNEL = "C0123456789"


@pytest.fixture
async def fake() -> AsyncIterator[Slack]:
    async with Slack(channels={CHANNEL}, token=TOKEN) as started:
        yield started


@pytest.fixture
async def bench(fake: Slack) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:

        def make(
            secret: SecretSource | None = None,
            template: Template | None = None,
            *,
            impatient: bool = False,
            channel: str = CHANNEL,
            **options: Any,
        ) -> Channel:
            token = secret or SecretSource("bot_token", TOKEN)
            return SlackApiChannel(
                sessions(impatient=impatient), token, channel, fake.api_url, text=template, **options
            )

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [
                json.dumps([message.text, message.blocks], ensure_ascii=False) for message in fake.messages
            ],
            violations=lambda: [call.result for call in fake.calls if call.result not in ("ok", "fault")],
            secret=TOKEN,
            stop=fake.stop,
        )


def error(word: str) -> Fault:
    return Fault(
        status=200, body=json.dumps({"ok": False, "error": word}), headers={"Content-Type": "application/json"}
    )


async def opened(channel: Channel) -> tuple[Outcome, dict[str, str]]:
    outcome = await channel.send(delivery())
    assert outcome.ok
    assert outcome.handle is not None
    return outcome, outcome.handle


class TestSlackApi(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        check_harmless(*json.loads(accepted))

    def refusal(self) -> Fault:
        return error("invalid_blocks")

    async def test_what_somebody_has_taken_on_is_an_edit_and_a_quiet_line(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make(mentions=["<!here>"])
        _, handle = await opened(channel)
        told = taken(delivery(Kind.UPDATE, handle=handle), "<!channel> *ann*", "rolling back")
        assert (await channel.send(told)).ok

        root, line = fake.messages
        assert "\N{LARGE YELLOW CIRCLE}" in root.everything
        assert (line.text, line.broadcast) == ("acknowledged by &lt;!channel&gt; *ann* (rolling back)", False)
        for message in (root, line):
            check_harmless(message.text, message.blocks)

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        # Slack's answer is JSON with status 200. Without the JSON nobody knows what happened.
        expected = (reason, retry)
        if status == 200:
            expected = (OutcomeReason.NO_ANSWER, Retry.UNKNOWN)
        elif status < 300:
            expected = (OutcomeReason.CLIENT_ERROR, Retry.NO)
        bench.faults.add(Fault(status=status, body="something"), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == expected

    @pytest.mark.parametrize(
        ("word", "reason", "retry"),
        [
            ("ratelimited", OutcomeReason.RATE_LIMITED, Retry.YES),
            ("rate_limited", OutcomeReason.RATE_LIMITED, Retry.YES),
            ("internal_error", OutcomeReason.SERVER_ERROR, Retry.YES),
            ("fatal_error", OutcomeReason.SERVER_ERROR, Retry.YES),
            ("service_unavailable", OutcomeReason.SERVER_ERROR, Retry.YES),
            ("request_timeout", OutcomeReason.SERVER_ERROR, Retry.YES),
            ("channel_not_found", OutcomeReason.DESTINATION_GONE, Retry.NO),
            ("not_in_channel", OutcomeReason.DESTINATION_GONE, Retry.NO),
            ("is_archived", OutcomeReason.DESTINATION_GONE, Retry.NO),
            ("invalid_auth", OutcomeReason.AUTH_ERROR, Retry.NO),
            ("token_revoked", OutcomeReason.AUTH_ERROR, Retry.NO),
            ("missing_scope", OutcomeReason.AUTH_ERROR, Retry.NO),
            ("restricted_action_read_only_channel", OutcomeReason.AUTH_ERROR, Retry.NO),
            ("msg_too_long", OutcomeReason.CONTENT_REJECTED, Retry.NO),
            ("msg_blocks_too_long", OutcomeReason.CONTENT_REJECTED, Retry.NO),
            ("message_limit_exceeded", OutcomeReason.CLIENT_ERROR, Retry.NO),
            ("something_new", OutcomeReason.CLIENT_ERROR, Retry.NO),
        ],
    )
    async def test_every_error_word_has_its_meaning(
        self, bench: Bench, word: str, reason: OutcomeReason, retry: Retry
    ) -> None:
        bench.faults.add(error(word), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry, outcome.detail) == (reason, retry, word)

    async def test_an_incident_is_one_message_edited_in_place_with_a_thread(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        _, handle = await opened(channel)
        for number, kind in enumerate((Kind.UPDATE, Kind.RESOLVE), 2):
            outcome = await channel.send(delivery(kind, number=number, handle=handle))
            assert outcome.ok

        [root] = fake.roots
        assert handle == {"channel": CHANNEL, "ts": root.ts}
        assert root.edits == 2 and "resolved after 12 min" in root.everything
        update, close = fake.replies(root)
        assert not update.broadcast
        assert close.broadcast and "resolved after 12 min" in close.text

    async def test_the_thread_says_what_is_new_and_not_the_subject_again(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        _, handle = await opened(channel)
        usual = delivery(Kind.UPDATE, number=2, handle=handle)
        summary = usual.notification.alerts[0].annotations["summary"]
        for number, began in ((2, [usual.notification.alerts[0].fingerprint]), (3, [])):
            told = msgspec.structs.replace(usual.notification, began=began)
            await channel.send(dataclasses.replace(usual, notification=told, id=f"{usual.incident.id}-{number}"))

        first, again = fake.replies(fake.roots[0])
        assert first.text == f"new: {summary} (firing, critical, since 2026-11-24 14:00:00 UTC)"
        assert again.text == "still firing, critical, since 2026-11-24 14:00:00 UTC"

    async def test_the_message_carries_our_ids(self, bench: Bench, fake: Slack) -> None:
        await opened(bench.make())

        assert fake.roots[0].metadata == {
            "event_type": "driftbell_notification",
            "event_payload": {
                "delivery": "a1b2c3d4e5f60718293a4b5c-1",
                "incident": "a1b2c3d4e5f60718293a4b5c",
                "kind": "trigger",
            },
        }

    async def test_a_message_that_is_gone_is_posted_anew(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        _, handle = await opened(channel)
        fake.messages.clear()
        outcome = await channel.send(delivery(Kind.RESOLVE, handle=handle))

        [message] = fake.messages
        assert outcome.ok and outcome.handle == {"channel": CHANNEL, "ts": message.ts}
        assert "resolved after 12 min" in message.everything

    async def test_a_close_without_a_known_message_is_a_message_of_its_own(self, bench: Bench, fake: Slack) -> None:
        outcome = await bench.make().send(delivery(Kind.RESOLVE))

        assert outcome.ok
        assert len(fake.roots) == 1

    async def test_a_reply_that_fails_is_made_again_with_its_edit(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        _, handle = await opened(channel)
        update: Delivery = delivery(Kind.UPDATE, number=2, handle=handle)
        fake.faults.add(Fault("lose"))
        assert (await channel.send(update)).retry is Retry.UNKNOWN
        assert fake.replies(fake.roots[0]) == []
        assert (await channel.send(update)).ok

        assert len(fake.replies(fake.roots[0])) == 1
        assert fake.roots[0].edits == 2

    async def test_a_channel_that_does_not_exist_is_final(self, bench: Bench) -> None:
        outcome = await bench.make(channel="C-NOT-THERE").send(delivery())

        assert (outcome.reason, outcome.detail) == (OutcomeReason.DESTINATION_GONE, "channel_not_found")

    async def test_links_and_names_are_left_alone_by_slack(self, bench: Bench, fake: Slack) -> None:
        await opened(bench.make())

        arguments = fake.calls[0].arguments
        switches = ("link_names", "parse", "unfurl_links", "unfurl_media")
        assert {name: arguments[name] for name in switches} == dict(
            zip(switches, (False, "none", False, False), strict=True)
        )

    async def test_a_reply_and_the_minimal_message_are_no_markup(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        alert = make_alert(annotations={"summary": "*bold* _it_ `code` <!channel>"})
        opened = await channel.send(delivery(alerts=[alert]))
        await channel.send(delivery(Kind.UPDATE, [alert], handle=opened.handle))
        bench.faults.add(self.refusal())
        await channel.send(delivery(alerts=[alert]))
        bench.faults.add(self.refusal())
        edited = await channel.send(delivery(Kind.UPDATE, [alert], handle=opened.handle))

        reply = next(call for call in fake.calls if call.arguments.get("thread_ts"))
        minimal = [call for call in fake.calls if call.method == "chat.postMessage" and "blocks" not in call.arguments]
        assert reply.arguments["mrkdwn"] is False
        assert [call.arguments["mrkdwn"] for call in minimal] == [False] * len(minimal)
        assert edited.reason is OutcomeReason.SENT_MINIMAL
        [block] = fake.roots[0].blocks
        assert block["text"]["type"] == "plain_text"
        assert "*bold* _it_ `code` <!channel>" in block["text"]["text"]
        assert all("mrkdwn" not in call.arguments for call in fake.calls if call.method == "chat.update")

    async def test_a_rise_of_severity_calls_people_again_where_they_see_it(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make(mentions=["<!here>"])
        opened = await channel.send(delivery())
        again = dataclasses.replace(delivery(Kind.UPDATE, [make_alert()], handle=opened.handle), calls_again=True)
        assert (await channel.send(again)).ok
        assert (await channel.send(delivery(Kind.UPDATE, [make_alert()], handle=opened.handle))).ok

        called, quiet = fake.replies(fake.roots[0])
        assert called.broadcast and "<!here>" in called.everything
        assert not quiet.broadcast and "<!here>" not in quiet.everything

    @pytest.mark.parametrize("fault", ["lose", "drop"])
    async def test_a_page_of_unknown_outcome_is_one_message(self, bench: Bench, fake: Slack, fault: Any) -> None:
        """Slack took it (``lose``) or not (``drop``), and we do not know: we look before we post again."""
        channel = bench.make(mentions=["<!channel>"])
        now = msgspec.structs.replace(delivery().incident, opened_ms=round(time.time() * 1000))
        first = dataclasses.replace(delivery(), incident=now)
        bench.faults.add(Fault(fault))
        assert (await channel.send(first)).retry is Retry.UNKNOWN

        again = dataclasses.replace(first, incident=msgspec.structs.replace(now, delivered="maybe"))
        outcome = await channel.send(again)
        [root] = fake.roots
        assert (outcome.reason, outcome.handle) == (OutcomeReason.SENT, {"channel": CHANNEL, "ts": root.ts})
        assert fake.replies(root) == []

    async def test_a_close_of_a_page_of_unknown_outcome_closes_that_page(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        now = msgspec.structs.replace(delivery().incident, opened_ms=round(time.time() * 1000))
        bench.faults.add(Fault("lose"))
        await channel.send(dataclasses.replace(delivery(), incident=now))
        maybe = msgspec.structs.replace(now, delivered="maybe")
        assert (await channel.send(dataclasses.replace(delivery(Kind.RESOLVE), incident=maybe))).ok

        [root] = fake.roots
        assert "resolved" in root.everything
        assert [reply.broadcast for reply in fake.replies(root)] == [True]

    async def test_a_token_that_may_not_read_still_pages(self, bench: Bench, fake: Slack) -> None:
        fake.may_read = False
        maybe = msgspec.structs.replace(delivery().incident, delivered="maybe")
        outcome = await bench.make().send(dataclasses.replace(delivery(), incident=maybe))

        assert outcome.ok and outcome.handle is not None
        assert len(fake.roots) == 1

    async def test_a_message_of_another_incident_is_not_taken_for_ours(self, bench: Bench, fake: Slack) -> None:
        channel = bench.make()
        opened_ms = round(time.time() * 1000)
        for name in ("a" * 24, "b" * 24):
            incident = msgspec.structs.replace(delivery().incident, id=name, opened_ms=opened_ms, delivered="maybe")
            assert (await channel.send(dataclasses.replace(delivery(), incident=incident))).ok

        assert len(fake.roots) == 2


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every delivery has a picture."""

    async def of(given: Delivery) -> Picture:
        return Picture(b"\x89PNG picture", "error rate of <!channel>\n fraud")

    monkeypatch.setattr(PICTURES, "of", of)


@pytest.mark.usefixtures("drawn")
async def test_the_picture_is_in_the_thread_once(bench: Bench, fake: Slack) -> None:
    channel = bench.make()
    outcome, handle = await opened(channel)
    again = await channel.send(delivery(Kind.UPDATE, number=2, handle=handle))
    over = await channel.send(delivery(Kind.RESOLVE, number=3, handle=dict(again.handle or {})))

    [file] = fake.files.files.values()
    assert (file.content, file.thread_ts, file.channel) == (b"\x89PNG picture", handle["ts"], CHANNEL)
    assert (file.name, file.title) == ("metric.png", "error rate of <!channel>  fraud")
    assert outcome.reason is over.reason is OutcomeReason.SENT
    assert bench.violations() == []


@pytest.mark.usefixtures("drawn")
async def test_an_update_brings_the_picture_that_the_opening_had_not(bench: Bench, fake: Slack) -> None:
    _, handle = await opened(bench.make())
    del handle["picture"]
    updated = await bench.make().send(delivery(Kind.UPDATE, number=2, handle=handle))

    assert updated.handle is not None
    assert updated.handle["picture"] == "yes"
    assert len(fake.files.files) == 2


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault("drop"),
        error("ratelimited"),
        Fault(status=200, body="no json"),
        Fault(status=200, body=json.dumps({"ok": True, "upload_url": "file:///etc/passwd", "file_id": "F"})),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_picture_that_fails_costs_no_page(
    bench: Bench, fake: Slack, step: int, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = fake.fault
    requests: list[str] = []

    async def from_then_on(request: web.Request) -> tuple[Fault | None, web.Response | None]:
        requests.append(request.path)
        if len(requests) > step:
            bench.faults.add(fault)
        return await answered(request)

    monkeypatch.setattr(fake, "fault", from_then_on)
    outcome = await bench.make().send(delivery())
    assert len(requests) > step

    assert outcome.reason is OutcomeReason.SENT
    assert outcome.handle is not None and "ts" in outcome.handle


@pytest.mark.usefixtures("drawn")
async def test_without_the_scope_the_picture_is_asked_for_once(
    bench: Bench, fake: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fake.files.may_write = False
    channel = bench.make()
    for _ in range(2):
        assert (await channel.send(delivery())).reason is OutcomeReason.SENT

    assert [call.method for call in fake.calls].count("files.getUploadURLExternal") == 1
    assert [record.__dict__["detail"] for record in caplog.records if "picture" in record.message] == ["missing_scope"]
