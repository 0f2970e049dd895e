"""What a destination is: its address, and not its place in the file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.http_config.settings import BasicAuth, HttpConfig, HttpHeader
from driftbell.alerting.channels.kept import put_together, taken_apart
from driftbell.alerting.channels.pagerduty.settings import PagerDutyConfig
from driftbell.alerting.channels.registry import MODEL, Endpoint, build
from driftbell.alerting.channels.registry import check as check_channels
from driftbell.alerting.channels.webhook.settings import WebhookConfig
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.identity import identify
from driftbell.alerting.process.reloading.plan import record_of
from driftbell.alerting.state.records import KnownDestination

KEY, OTHER = "a" * 32, "b" * 32


async def ids(*receivers: dict[str, Any], **defaults: Any) -> dict[str, str]:
    """Identity by place."""
    router = msgspec.convert(
        {"global": defaults, "route": {"receiver": receivers[0]["name"]}, "receivers": list(receivers)}, MODEL.router
    )
    assert [*check_channels(router)] == []
    async with new_session() as session:
        endpoints = build(router, session)
        for endpoint in endpoints:
            await endpoint.channel.close()
    return {endpoint.destination.label: endpoint.destination.id for endpoint in endpoints}


async def test_removing_the_first_of_two_and_renaming_the_receiver_moves_no_identity() -> None:
    both = await ids({"name": "oncall", "pagerduty_configs": [{"routing_key": KEY}, {"routing_key": OTHER}]})
    one = await ids({"name": "night", "pagerduty_configs": [{"routing_key": OTHER, "description": "{{ subject }}"}]})

    assert one["night/pagerduty[0]"] == both["oncall/pagerduty[1]"] != both["oncall/pagerduty[0]"]


async def test_no_secret_stands_in_an_identity_nor_in_what_is_shown_of_it() -> None:
    found = await ids(
        {
            "name": "r",
            "pagerduty_configs": [{"routing_key": KEY}],
            "slack_configs": [{"api_url": "https://hooks.slack.com/services/T0/B0/SECRET"}],
            "webhook_configs": [{"url": "https://me:SECRET@example.org/in/SECRET"}],
        }
    )

    assert not any(secret in one for one in found.values() for secret in (KEY, "SECRET", "T0"))
    record = KnownDestination(
        id="x", integration="webhook", receiver="r", label="r/webhook[0]", address="x", secrets={"url": "SECRET"}
    )
    assert "SECRET" not in repr(record)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("pagerduty", {"routing_key": KEY}, {"routing_key": KEY, "client": "other", "send_resolved": False}),
        ("slack", {"channel": "C1", "bot_token": "xoxb-1"}, {"channel": "C1", "bot_token": "xoxb-2", "title": "t"}),
        ("email", {"to": "b@x.org, A <a@x.org>"}, {"to": "a@x.org, b@X.org", "from": "other@x.org"}),
        ("webhook", {"url": "https://me:old@x.org/in"}, {"url": "https://me:new@x.org/in", "max_alerts": 1}),
        ("pagerduty", {"routing_key": KEY, "name": "main"}, {"routing_key": OTHER, "name": "main"}),
    ],
)
async def test_what_leaves_the_place_the_same_leaves_the_identity(
    kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    mail = {"smtp_smarthost": "localhost:25", "smtp_from": "d@x.org"}
    found = [await ids({"name": "r", f"{kind}_configs": [one]}, **mail) for one in (before, after)]

    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("pagerduty", {"routing_key": KEY}, {"routing_key": OTHER}),
        ("pagerduty", {"routing_key": KEY}, {"routing_key": KEY, "url": "https://events.eu.pagerduty.com/v2/enqueue"}),
        ("pagerduty", {"routing_key": KEY}, {"routing_key": KEY, "name": "main"}),
        ("slack", {"channel": "C1", "bot_token": "x"}, {"channel": "C2", "bot_token": "x"}),
        ("slack", {"api_url": "https://h.org/1"}, {"api_url": "https://h.org/2"}),
        ("email", {"to": "a@x.org"}, {"to": "a@x.org, b@x.org"}),
        ("webhook", {"url": "https://x.org/in?a=1"}, {"url": "https://x.org/in?a=2"}),
    ],
)
async def test_another_place_is_another_identity(kind: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    mail = {"smtp_smarthost": "localhost:25", "smtp_from": "d@x.org"}
    found = [await ids({"name": "r", f"{kind}_configs": [one]}, **mail) for one in (before, after)]

    assert found[0] != found[1]


async def test_a_default_of_global_is_part_of_the_address() -> None:
    here = await ids({"name": "r", "pagerduty_configs": [{"routing_key": KEY}]}, pagerduty_url="https://eu.example/x")
    there = await ids({"name": "r", "pagerduty_configs": [{"routing_key": KEY, "url": "https://eu.example/x"}]})

    assert here == there


def test_a_name_may_be_used_once_per_kind() -> None:
    channel = {"routing_key": KEY, "name": "main"}
    router = msgspec.convert(
        {
            "route": {"receiver": "a"},
            "receivers": [{"name": name, "pagerduty_configs": [channel]} for name in ("a", "b")],
        },
        MODEL.router,
    )

    [wrong] = check_channels(router)
    assert wrong.path == ("receivers", 1, "pagerduty_configs", 0, "name")
    assert "two pagerduty_configs have the name 'main'" in wrong.message


def place(receiver: str, settings: str = "", address: str = "slack-1") -> Destination:
    return Destination(f"{receiver}{settings}", receiver, "slack", address=address, settings=settings)


def remembered(*found: Destination) -> list[KnownDestination]:
    return [
        KnownDestination(
            id=one.id,
            integration=one.integration,
            receiver=one.receiver,
            label=one.label,
            address=one.address,
            settings_digest=one.settings,
        )
        for one in found
    ]


def test_what_shares_an_address_is_told_apart_in_the_order_of_the_file() -> None:
    named = identify([place("a"), place("b"), place("b"), place("c", address="slack-2")])

    assert [one.id for one in named] == ["slack-1", "slack-1#2", "slack-1#3", "slack-2"]


def test_who_shares_an_address_keeps_its_identity_in_another_order_and_beside_others() -> None:
    before = identify([place("a", "s"), place("b", "t")])
    after = identify([place("new", "n"), place("b", "t"), place("a", "s")], remembered(*before))

    assert [one.id for one in after] == ["slack-1#3", "slack-1#2", "slack-1"]


def test_a_receiver_that_is_renamed_beside_another_of_its_address_keeps_its_identity() -> None:
    before = identify([place("a", "s"), place("b", "t")])
    after = identify([place("b", "t"), place("renamed", "s")], remembered(*before))

    assert [one.id for one in after] == ["slack-1#2", "slack-1"]


def test_two_of_one_receiver_are_known_by_their_settings_when_they_are_swapped() -> None:
    before = identify([place("a", "s"), place("a", "t")])
    after = identify([place("a", "t"), place("a", "s")], remembered(*before))

    assert [one.id for one in after] == ["slack-1#2", "slack-1"]


def labelled(found: list[Destination]) -> list[Destination]:
    """With the labels of a file: each its own, by receiver and place."""
    counts: dict[str, int] = {}
    named = []
    for one in found:
        number = counts[one.receiver] = counts.get(one.receiver, -1) + 1
        named.append(replace(one, label=f"{one.receiver}/slack[{number}]"))
    return named


_PLACES = st.lists(
    st.builds(place, st.sampled_from("abc"), st.sampled_from(["", "s", "t"]), st.sampled_from(["slack-1", "slack-2"])),
    max_size=7,
)


@given(_PLACES, _PLACES)
def test_identities_are_unique_of_their_address_and_the_same_when_asked_again(
    before: list[Destination], after: list[Destination]
) -> None:
    first = identify(labelled(before))
    after = labelled(after)
    second = identify(after, remembered(*first))

    for named in (first, second):
        assert len({one.id for one in named}) == len(named)
        assert all(one.id.partition("#")[0] == one.address for one in named)
    assert identify(after, remembered(*second)) == second
    # As many as can be go on under an identity that was there.
    for address in {one.address for one in after}:
        old = {one.id for one in first if one.address == address}
        kept = old & {one.id for one in second}
        assert len(kept) == min(len(old), sum(one.address == address for one in after))


def test_what_is_remembered_has_the_secrets_apart() -> None:
    settings = PagerDutyConfig(routing_key=KEY, client="x")
    plain, secrets = taken_apart(settings)
    endpoint = Endpoint(place("a"), None, plain, secrets)  # type: ignore[arg-type]

    nested = WebhookConfig(
        url_file="/run/url",
        http_config=HttpConfig(
            basic_auth=BasicAuth(username="me", password="HIDDEN"), http_headers={"X-Key": HttpHeader(value="HIDDEN")}
        ),
    )
    inside = taken_apart(nested)
    assert "HIDDEN" not in str(inside[0]) and list(inside[1].values()) == ["HIDDEN"] * 2
    assert put_together(*inside, WebhookConfig) == nested
    assert KEY not in str(plain) and secrets == {"routing_key": KEY}
    assert KEY not in repr(endpoint) and KEY not in repr(record_of(endpoint))
    assert put_together(plain, secrets, PagerDutyConfig) == settings
