"""After every change of the configuration each incident is closed once, where it was opened, and none is lost (F5)."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.channels.http import new_session
from driftbell.fakes.faults import Fault
from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import Slack
from tests.alerting.alerts import make_alert
from tests.alerting.destinations.office import A, B, C, Office

MODELS = ["churn", "fraud"]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with PagerDuty() as pagerduty, Slack() as slack, new_session() as session:
        yield Office(session, pagerduty, slack)


def pager(key: str, **more: Any) -> dict[str, Any]:
    return {"routing_key": key, **more}


def root(receivers: dict[str, Any]) -> str:
    return "oncall" if "oncall" in receivers else next(iter(receivers))


def configuration(office: Office, receivers: dict[str, Any], *routes: dict[str, Any]) -> dict[str, Any]:
    timers = {"group_by": ["model"], "group_wait": 1.0, "group_interval": 10.0, "repeat_interval": 36_000.0}
    made = []
    for name, channels in copy.deepcopy(receivers).items():
        for one in channels.get("slack_configs", []):
            one["web_api_url"] = office.slack.api_url
        made.append({"name": name, **channels})
    return {"route": {"receiver": root(receivers), **timers, "routes": list(routes)}, "receivers": made}


TWO = {"oncall": {"pagerduty_configs": [pager(A), pager(B)], "slack_configs": [{"channel": "C1"}]}}
TEAM = {"team": {"pagerduty_configs": [pager(C)], "slack_configs": [{"channel": "C1", "mentions": ["<!here>"]}]}}
FRAUD = {"receiver": "team", "matchers": ['model="fraud"']}

#: Name: receivers and routes of before and after.
CHANGES: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "nothing": ((TWO,), (TWO,)),
    "the first of two is removed": (
        (TWO,),
        ({"oncall": {"pagerduty_configs": [pager(B)], "slack_configs": [{"channel": "C1"}]}},),
    ),
    "the last of two is removed": ((TWO,), ({"oncall": {"pagerduty_configs": [pager(A)]}},)),
    "the two are swapped": (
        (TWO,),
        ({"oncall": {"pagerduty_configs": [pager(B), pager(A)], "slack_configs": [{"channel": "C1"}]}},),
    ),
    "the receiver is renamed": ((TWO,), ({"night": TWO["oncall"]},)),
    "a route is removed": (({**TWO, **TEAM}, FRAUD), ({**TWO, **TEAM},)),
    "a route is added": ((TWO,), ({**TWO, **TEAM}, FRAUD)),
    "a receiver is removed wholly": (({**TWO, **TEAM}, FRAUD), (TWO,)),
    "receivers that share a channel are swapped": (
        ({**TWO, **TEAM}, FRAUD),
        ({**TEAM, **TWO}, FRAUD),
    ),
    "the channel changes": (
        (TWO,),
        ({"oncall": {"pagerduty_configs": [pager(A), pager(B)], "slack_configs": [{"channel": "C2"}]}},),
    ),
    "the routing key changes": (
        (TWO,),
        ({"oncall": {"pagerduty_configs": [pager(A), pager(C)], "slack_configs": [{"channel": "C1"}]}},),
    ),
    "everything is replaced": ((TWO,), (TEAM,)),
    "a name is given": (
        (TWO,),
        ({"oncall": {"pagerduty_configs": [pager(A, name="main"), pager(B)], "slack_configs": [{"channel": "C1"}]}},),
    ),
}


def wanted(settings: tuple[Any, ...], model: str) -> tuple[set[str], set[str]]:
    """The services and channels where an alert of a model must be open."""
    receivers, *routes = settings
    name = "team" if routes and model == "fraud" else root(receivers)
    found = receivers[name]
    return (
        {one["routing_key"] for one in found.get("pagerduty_configs", [])},
        {one["channel"] for one in found.get("slack_configs", [])},
    )


def check_open(office: Office, settings: tuple[Any, ...]) -> None:
    """Each model is open where the configuration wants it, once, and nowhere else."""
    for key in (A, B, C):
        assert office.open_at(key) == [model for model in MODELS if key in wanted(settings, model)[0]]
    for channel in ("C1", "C2"):
        assert office.shown_in(channel) == [model for model in MODELS if channel in wanted(settings, model)[1]]


async def check_closed(office: Office) -> None:
    """Every incident is closed, once; nobody is remembered who is not needed."""
    for model in MODELS:
        await office.resolve(model)
    await office.run(30)
    assert office.pagerduty.open == []
    assert office.shown_in("C1") == office.shown_in("C2") == []
    assert office.stray == 0
    assert office.router.state.queues == {} and office.router.state.groups == {}
    assert office.retired == set()
    assert not any(one.secrets for one in office.router.state.destinations.values())


@pytest.mark.parametrize("way", ["reload", "restart", "reload and crash", "there and back"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_closes_what_was_opened_and_opens_what_belongs_elsewhere(
    office: Office, change: str, way: str
) -> None:
    before, after = CHANGES[change]
    await office.begin(configuration(office, *before))
    for model in MODELS:
        await office.fire(model)
    await office.run(5)
    check_open(office, before)
    opened, posted = dict(office.triggers), office.posted_in("C1")

    changed = configuration(office, *after)
    if way == "restart":
        await office.begin(changed)
    else:
        await office.reload(changed)
    if way == "reload and crash":
        # Nothing is sent before the router dies: what is to be closed is known from what was saved.
        await office.begin(changed)
    await office.run(5)

    check_open(office, after)
    for (key, model), count in office.triggers.items():
        # What belongs there before and after is not opened again.
        stays = all(key in wanted(each, model)[0] for each in (before, after)) and change != "a name is given"
        assert not stays or count == opened[key, model] == 1
    if all("C1" in wanted(each, model)[1] for each in (before, after) for model in MODELS) and len(before) == len(
        after
    ):
        assert office.posted_in("C1") == posted
    if way == "there and back":
        await office.reload(configuration(office, *before))
        await office.run(5)
        check_open(office, before)
    await check_closed(office)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_during_an_outage_loses_nothing(office: Office, change: str) -> None:
    before, after = CHANGES[change]
    await office.begin(configuration(office, *before))
    await office.fire("churn")
    await office.run(5)
    for fake in (office.pagerduty, office.slack):
        fake.faults.add(Fault(status=503), times=1_000)
    await office.fire("fraud")
    await office.run(20)

    await office.reload(configuration(office, *after))
    await office.run(20)
    for fake in (office.pagerduty, office.slack):
        fake.faults.clear()
    await office.run(400)

    check_open(office, after)
    await check_closed(office)


async def test_a_change_that_is_not_saved_changes_nothing(office: Office) -> None:
    await office.begin(configuration(office, TWO))
    await office.fire("fraud")
    await office.run(5)
    events = len(office.pagerduty.events)

    def die(point: str) -> None:
        raise RuntimeError(point)

    office.router._crash = die
    with pytest.raises(RuntimeError):
        await office.reload(configuration(office, TEAM))
    await office.begin(configuration(office, TWO))
    await office.run(30)

    assert len(office.pagerduty.events) == events
    assert office.open_at(A) == office.open_at(B) == ["fraud"]


async def test_a_removed_destination_is_closed_by_its_file_or_by_what_is_kept_and_the_secret_goes_with_it(
    office: Office, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(A)
    both = {"oncall": {"pagerduty_configs": [{"routing_key_file": str(tmp_path / "key")}, pager(B)]}}
    await office.begin(configuration(office, both))
    await office.fire("fraud")
    await office.run(5)
    kept = {one.label: one for one in office.router.state.destinations.values()}
    assert kept["oncall/pagerduty[0]"].secrets == {} and A not in str(kept["oncall/pagerduty[0]"].settings)
    assert kept["oncall/pagerduty[1]"].secrets == {"routing_key": B}

    await office.begin(configuration(office, {"oncall": {"pagerduty_configs": [pager(C)]}}))
    assert office.retired == {"oncall/pagerduty[0]", "oncall/pagerduty[1]"}
    await office.run(5)

    assert (office.open_at(A), office.open_at(B), office.open_at(C)) == ([], [], ["fraud"])
    assert office.stray == 0 and office.retired == set()
    assert not any(B.encode() in data for table in office.shared.tables.values() for data in table.values())


@pytest.mark.parametrize("gone", ["removed", "another"])
async def test_what_cannot_be_closed_is_told_elsewhere_once_and_closed_when_the_secret_is_back(
    office: Office, tmp_path: Path, gone: str
) -> None:
    file = tmp_path / "key"
    file.write_text(A)
    both = {"oncall": {"pagerduty_configs": [{"routing_key_file": str(file)}, pager(B)]}}
    await office.begin(configuration(office, both))
    await office.fire("fraud")
    await office.run(5)
    if gone == "removed":
        file.unlink()
    else:
        file.write_text(C)

    await office.begin(configuration(office, {"oncall": {"pagerduty_configs": [pager(B)]}}))
    await office.run(3 * 3600)

    assert office.open_at(A) == ["fraud"] and office.stray == 0
    about = [one for one in office.pagerduty.incidents if "oncall/pagerduty[0]" in one.summary]
    assert [(one.routing_key, one.closed) for one in about] == [(B, None)]
    assert office.retired == {"oncall/pagerduty[0]"}
    [letter] = office.router.state.dead_deliveries.values()
    assert letter.destination == "oncall/pagerduty[0]" and "gone from the configuration" in letter.last_error
    assert A not in letter.last_error and C not in letter.last_error

    file.write_text(A)
    await office.run(3700)
    assert office.open_at(A) == [] and all(one.closed for one in about) and office.retired == set()
    await office.resolve("fraud")
    await office.run(30)
    assert office.pagerduty.open == [] and office.stray == 0


async def test_what_fires_again_before_its_group_of_before_has_told_its_end_is_in_one_group_only(
    office: Office,
) -> None:
    await office.begin(configuration(office, {**TWO, **TEAM}, FRAUD))
    await office.fire("fraud")
    await office.run(5)
    await office.resolve("fraud")

    # The look at the old group comes after the start has read the topic to its end.
    office.topic.append(make_alert(at_ms=office.clock() + 1, episode=2, labels={"model": "fraud"}))
    await office.begin(configuration(office, {**TWO, **TEAM}))
    [entry] = office.router.state.entries.values()
    assert len(entry.groups) == 1
    await office.run(5)

    assert (office.open_at(A), office.open_at(B), office.open_at(C)) == (["fraud"], ["fraud"], [])
    assert office.stray == 0 and len(office.router.state.groups) == 1
