"""Microsoft Teams: the cases of every channel, and the contract of a workflow's webhook."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.teams.card import MAX_CARD_BYTES
from driftbell.alerting.channels.teams.teams import TeamsChannel
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from tests.alerting.channels.contract import Bench, ChannelContract, new_sessions
from tests.alerting.channels.deliveries import delivery, huge, taken
from tests.alerting.channels.fake_teams import Teams, nodes, problems, texts
from tests.alerting.channels.statuses import ANSWERS


@pytest.fixture
async def fake() -> AsyncIterator[Teams]:
    async with Teams() as started:
        yield started


@pytest.fixture
async def bench(fake: Teams) -> AsyncIterator[Bench]:
    async with new_sessions() as sessions:
        url = fake.url

        def make(
            secret: SecretSource | None = None, template: Template | None = None, *, impatient: bool = False
        ) -> Channel:
            source = secret or SecretSource("webhook_url", url)
            return TeamsChannel(sessions(impatient=impatient), source, text=template)

        yield Bench(
            make=make,
            faults=fake.faults,
            accepted=lambda: [json.dumps(card, ensure_ascii=False) + "\n" + texts(card) for card in fake.cards],
            violations=lambda: [str(found) for found in fake.refused],
            secret=url,
            stop=fake.stop,
        )


class TestTeams(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        card = json.JSONDecoder().raw_decode(accepted)[0]
        for node in nodes(card):
            # Markdown, and with it mentions and links, is only read where there is none of our text.
            assert node.get("type") not in ("TextBlock", "FactSet", "Image", "mention")
            assert "entities" not in node
            if node.get("type") == "Action.OpenUrl":
                assert re.match(r"https?://[^\s<>|]+$", node["url"]), node

    def echo(self, secret: str) -> Fault:
        return Fault(status=500, body=f"cannot handle {secret.partition('sig=')[2]} of {secret}")

    @pytest.mark.parametrize(("status", "reason", "retry"), ANSWERS)
    async def test_every_status_has_its_meaning(
        self, bench: Bench, status: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        bench.faults.add(Fault(status=status), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (reason, retry)

    @pytest.mark.parametrize(
        ("status", "code", "reason"),
        [
            (400, "WorkflowTriggerIsNotEnabled", OutcomeReason.DESTINATION_GONE),
            (404, "WorkflowNotFound", OutcomeReason.DESTINATION_GONE),
            (401, "DirectApiAuthorizationRequired", OutcomeReason.AUTH_ERROR),
            (400, "InvalidRequestContent", OutcomeReason.CONTENT_REJECTED),
            (502, "NoResponse", OutcomeReason.SERVER_ERROR),
            (500, ["not", "text"], OutcomeReason.SERVER_ERROR),
        ],
    )
    async def test_the_word_of_the_workflow_decides(
        self, bench: Bench, status: int, code: Any, reason: OutcomeReason
    ) -> None:
        bench.faults.add(Fault(status=status, body=json.dumps({"error": {"code": code}})), times=2)

        assert (await bench.make().send(delivery())).reason is reason

    @pytest.mark.parametrize(
        ("inner", "reason"),
        [(429, OutcomeReason.RATE_LIMITED), (413, OutcomeReason.CONTENT_REJECTED), (502, OutcomeReason.SERVER_ERROR)],
    )
    async def test_a_success_that_speaks_of_a_failure_is_none(
        self, bench: Bench, inner: int, reason: OutcomeReason
    ) -> None:
        body = (
            f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {inner} with x"
        )
        bench.faults.add(Fault(status=200, body=body), times=2)

        assert (await bench.make().send(delivery())).reason is reason

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (202, "", OutcomeReason.SENT),
            (202, "accepted", OutcomeReason.SENT),
            (200, "", OutcomeReason.SENT),
            (200, "1", OutcomeReason.SENT),
            (200, "<html>Sign in</html>", OutcomeReason.CLIENT_ERROR),
            (203, "<html>a proxy</html>", OutcomeReason.CLIENT_ERROR),
            (200, '{"ok": true}', OutcomeReason.CLIENT_ERROR),
        ],
    )
    async def test_a_success_that_is_not_of_teams_is_none(
        self, bench: Bench, status: int, body: str, reason: OutcomeReason
    ) -> None:
        bench.faults.add(Fault(status=status, body=body), times=2)

        assert (await bench.make().send(delivery())).reason is reason

    async def test_a_throttled_card_says_when_to_come_back(self, bench: Bench) -> None:
        bench.faults.add(Fault(status=429, headers={"Retry-After": "17"}))
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry_after_seconds) == (OutcomeReason.RATE_LIMITED, 17.0)

    async def test_the_close_is_a_card_of_its_own_that_is_not_red(self, bench: Bench, fake: Teams) -> None:
        channel = bench.make()
        for each in (delivery(), taken(delivery(Kind.UPDATE)), delivery(Kind.RESOLVE)):
            assert (await channel.send(each)).ok

        heads = [card["body"][0]["inlines"][0]["text"][0] for card in fake.cards]
        assert heads == ["\N{LARGE RED CIRCLE}", "\N{LARGE YELLOW CIRCLE}", "\N{WHITE HEAVY CHECK MARK}"]

    async def test_runbook_and_router_are_buttons(self, bench: Bench, fake: Teams) -> None:
        await bench.make().send(delivery())

        buttons = {one["title"]: one["url"] for one in fake.cards[0]["actions"]}
        assert buttons["Runbook"] == "https://runbooks.example.org/error-rate"
        assert buttons["Router"] == "https://driftbell.example.org"

    async def test_the_largest_card_stays_far_below_the_limit(self, bench: Bench, fake: Teams) -> None:
        await bench.make().send(delivery(alerts=huge()))
        await bench.make(template=Template("{{ 'ä' * 90000 }}", "x")).send(delivery())

        sizes = [len(json.dumps(card, ensure_ascii=False, separators=(",", ":")).encode()) for card in fake.cards]
        assert len(sizes) == 2
        assert max(sizes) < MAX_CARD_BYTES


def test_the_fake_knows_the_rules() -> None:
    run: dict[str, Any] = {"type": "TextRun", "text": "x"}
    card: dict[str, Any] = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [run]}],
    }

    def message(content: Any, **fields: Any) -> dict[str, Any]:
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
        return {"type": "message", "attachments": [attachment | fields]}

    assert list(problems(message(card), 100)) == []
    assert list(problems(message(card), 30_000))
    assert list(problems({"text": "x"}, 100))
    assert list(problems(message(card, contentType="application/json"), 100))
    changes: tuple[dict[str, Any], ...] = (
        {"version": "9"},
        {"body": []},
        {"body": [{"type": "RichTextBlock", "inlines": [run | {"weight": "Heavy"}]}]},
        {"body": [{"type": "RichTextBlock", "inlines": []}]},
        {"body": [{"type": "Unknown"}]},
        {"actions": [{"type": "Action.OpenUrl", "title": "x", "url": "javascript:alert(1)"}]},
        {"colour": "red"},
    )
    for change in changes:
        assert list(problems(message(card | change), 100)), change
