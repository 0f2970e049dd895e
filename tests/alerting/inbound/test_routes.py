"""Signed requests to the API's server: what is right is done once, whatever comes; all else is refused."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.channels.slack.buttons import ACKNOWLEDGE, GIVE_BACK, SILENCE, SILENCE_MS, buttons
from driftbell.alerting.commands.asking import NoLeaderError
from driftbell.alerting.errors import RouterError
from driftbell.alerting.inbound import slack_actions
from driftbell.alerting.inbound.asked import NotUnderstoodError
from driftbell.alerting.inbound.pagerduty_events import OLDEST_MS, asked
from driftbell.alerting.inbound.routes import MAX_BODY_BYTES, pagerduty_route, slack_route
from driftbell.alerting.inbound.startable import refusals
from driftbell.alerting.state.records import Kind
from driftbell.alerting.state.silence import Acknowledge, Action, Answer, SilenceIncident, Unacknowledge
from driftbell.fakes.slack_blocks import problem_of
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.router_check import check
from tests.alerting.channels.deliveries import KEY, delivery, taken
from tests.alerting.inbound.people import SIGNING_SECRET, pagerduty_event, pagerduty_request, pressed, slack_request

PAGERDUTY_SECRET = "pagerduty-secret"
AT_MS = 1_795_000_000_500


@dataclass
class Leader:
    """Notes what it is asked; the same id again is the same command."""

    done: dict[str, Action] = field(default_factory=dict)
    asked: int = 0
    away: bool = False

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def command(self, action: Action, command_id: str = "") -> Answer:
        self.asked += 1
        if self.away:
            raise NoLeaderError("none")
        self.done.setdefault(command_id, action)
        return Answer(id=command_id, at_ms=0, reason="acknowledged")


@pytest.fixture
def leader() -> Leader:
    return Leader()


@pytest.fixture
async def http(leader: Leader) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.add_routes(
        [
            slack_route(SecretSource("signing_secret", SIGNING_SECRET), leader),
            pagerduty_route(SecretSource("signing_secret", PAGERDUTY_SECRET), leader),
        ]
    )
    async with TestClient(TestServer(app)) as client:
        yield client


def message(**options: Any) -> dict[str, Any]:
    return {"blocks": buttons(delivery(**options))}


@pytest.mark.parametrize(
    ("action_id", "wanted"),
    [
        (ACKNOWLEDGE, Acknowledge(target=KEY, by="@ann")),
        (SILENCE, SilenceIncident(target=KEY, length_ms=SILENCE_MS, by="@ann", comment="by the button in Slack")),
    ],
)
async def test_a_button_is_a_command_however_often_it_arrives(
    http: TestClient[web.Request, web.Application], leader: Leader, action_id: str, wanted: Action
) -> None:
    body, headers = slack_request(pressed(message(), action_id))
    for _ in range(2):
        async with http.post("/slack/actions", data=body, headers=headers) as answer:
            assert answer.status == 200

    assert (leader.asked, list(leader.done.values())) == (2, [wanted])


def test_what_is_taken_can_be_given_back_and_what_is_over_has_no_buttons() -> None:
    blocks = buttons(taken(delivery()))
    [found] = slack_actions.asked(msgspec.json.encode(pressed({"blocks": blocks}, GIVE_BACK)))

    assert found.action == Unacknowledge(target=KEY, by="@ann")
    assert problem_of(blocks) is None
    assert buttons(delivery(Kind.RESOLVE)) == []


async def test_what_is_not_signed_or_too_old_is_refused_and_nothing_is_done(
    http: TestClient[web.Request, web.Application], leader: Leader
) -> None:
    wrong = slack_request(pressed(message(), ACKNOWLEDGE), secret="another")
    old = slack_request(pressed(message(), ACKNOWLEDGE), at=time.time() - 301)
    unsigned = (wrong[0], {"Content-Type": "application/x-www-form-urlencoded"})
    forged = pagerduty_request(pagerduty_event("incident.acknowledged", KEY), "another")
    for path, (body, headers), word in (
        ("/slack/actions", wrong, "signature_wrong"),
        ("/slack/actions", old, "timestamp_too_old"),
        ("/slack/actions", unsigned, "signature_missing"),
        ("/pagerduty/webhook", forged, "signature_wrong"),
    ):
        async with http.post(path, data=body, headers=headers) as answer:
            assert (answer.status, await answer.text()) == (401, word)
    assert leader.asked == 0


async def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(
    http: TestClient[web.Request, web.Application], leader: Leader
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    for data in (b"x" * (MAX_BODY_BYTES + 1), endless()):
        try:
            async with http.post("/pagerduty/webhook", data=data) as answer:
                assert answer.status == 413
        except aiohttp.ClientError:
            pass  # the connection was cut while we wrote
    assert leader.asked == 0


async def test_without_a_leader_the_vendor_is_told_to_come_again(
    http: TestClient[web.Request, web.Application], leader: Leader
) -> None:
    body, headers = pagerduty_request(pagerduty_event("incident.acknowledged", KEY), PAGERDUTY_SECRET)
    leader.away = True
    async with http.post("/pagerduty/webhook", data=body, headers=headers) as answer:
        assert answer.status == 503
    leader.away = False
    async with http.post("/pagerduty/webhook", data=body, headers=headers) as answer:
        assert answer.status == 200

    [done] = leader.done.values()
    assert isinstance(done, Acknowledge) and leader.now_ms() - done.asked_ms < 60_000
    assert done == Acknowledge(target=KEY, by="Ann Lee", asked_ms=done.asked_ms)
    assert issubclass(NoLeaderError, RouterError)


@pytest.mark.parametrize(
    ("kind", "user", "wanted"),
    [
        ("incident.acknowledged", "Ann Lee", Acknowledge(target=KEY, by="Ann Lee", asked_ms=AT_MS)),
        (
            "incident.resolved",
            "Ann Lee",
            Acknowledge(target=KEY, by="Ann Lee", comment="resolved in PagerDuty", asked_ms=AT_MS),
        ),
        ("incident.unacknowledged", None, Unacknowledge(target=KEY, by="somebody in PagerDuty", asked_ms=AT_MS)),
        # What we have sent ourselves comes back.
        ("incident.acknowledged", None, None),
        ("incident.resolved", None, None),
        ("incident.triggered", "Ann Lee", None),
        ("incident.priority_updated", "Ann Lee", None),
    ],
)
def test_what_a_person_did_in_pagerduty_is_a_command(kind: str, user: str | None, wanted: Action | None) -> None:
    # Half an hour late.
    found = asked(msgspec.json.encode(pagerduty_event(kind, KEY, user=user, at=AT_MS / 1000)), AT_MS + 1_800_000)

    assert (None if found is None else found.action) == wanted


def test_a_ping_and_an_event_without_a_key_ask_for_nothing_and_a_replay_is_refused() -> None:
    now_ms = time.time_ns() // 1_000_000
    ping = pagerduty_event("pagey.ping", KEY)
    ping["event"]["data"] = {"message": "Hello from your friend Pagey!", "type": "ping"}
    without = pagerduty_event("incident.acknowledged", KEY)
    without["event"]["data"]["incident_key"] = None

    assert asked(msgspec.json.encode(ping), now_ms) is None
    assert asked(msgspec.json.encode(without), now_ms) is None
    for late in (OLDEST_MS + 60_000, -400_000):
        with pytest.raises(NotUnderstoodError):
            asked(msgspec.json.encode(pagerduty_event("incident.acknowledged", KEY)), now_ms + late)


FIELDS = [
    "type",
    "actions",
    "user",
    "event",
    "data",
    "agent",
    "id",
    "value",
    "action_id",
    "occurred_at",
    "incident_key",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)


@given(ANYTHING)
def test_whatever_is_signed_is_read_or_refused(content: Any) -> None:
    for read in (slack_actions.asked, lambda body: asked(body, 0)):
        with contextlib.suppress(NotUnderstoodError):
            assert not read(msgspec.json.encode(content))


def test_a_secret_for_which_nothing_listens_and_one_that_is_not_there_are_refused() -> None:
    settings = {
        "route": {"receiver": "oncall"},
        "receivers": [{"name": "oncall"}],
        "slack_app": {"signing_secret_file": "/nowhere"},
        "pagerduty_webhook": {"signing_secret_file": "/nowhere"},
    }
    config = msgspec.convert(settings, RouterConfig)

    assert [problem.path for problem in check(config)] == [("slack_app",), ("pagerduty_webhook",)]
    assert [problem.path for problem in refusals(config)] == [
        ("slack_app", "signing_secret_file"),
        ("pagerduty_webhook", "signing_secret_file"),
    ]
