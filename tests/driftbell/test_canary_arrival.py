"""How far a canary has come, as the router's saved state tells: on a virtual clock, without Kafka."""

from __future__ import annotations

import msgspec
import pytest

from driftbell.alerting.life.flapping import FlappingRule
from driftbell.alerting.life.holding import MAX_UNOPENED
from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.outbox.outcome import OutcomeReason, failed
from driftbell.alerting.routing.routes import compile_tree
from driftbell.canary.arrival import Arrival, Reached, closed, pages, read
from driftbell.canary.hop import LOOK_AT, WORDS, Step, hop_of
from driftbell.canary.records import labels, next_episode, prediction, transition
from driftbell.canary.text import line
from driftbell.runtime.config.router import Route
from driftbell.schemas import Alert, Status, alert_id, decode_alert, decode_prediction, encode_alert, encode_prediction
from driftbell.schemas import fingerprint as fingerprint_of
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig

ROUTE = {"group_by": ["alertname"], "group_wait": 1.0, "group_interval": 2.0, "receiver": "oncall"}
TREE = compile_tree(msgspec.convert(ROUTE, Route))
BOTH = ("oncall/pagerduty[0]", "oncall/slack[0]")


class Muted:
    """Holds everything back."""

    on = True

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        return MuteAnswer(Muting(MuteKind.SILENCED, ("s1",)) if self.on else None)


def record(rig: Rig, status: Status = "firing", episode: int = START_MS) -> Alert:
    return transition("canary", episode, status, started_ms=START_MS, now_ms=rig.clock())


def arrivals(found: list[Reached]) -> dict[str, Arrival]:
    return {one.destination: one.arrival for one in found}


async def over(rig: Rig, groups: set[str], alert: Alert) -> Reached:
    return closed(rig.router.state, groups, alert)


def test_its_records_are_as_a_worker_makes_them() -> None:
    firing = transition("m", 7, "firing", started_ms=START_MS, now_ms=START_MS)
    end = transition("m", 7, "resolved", started_ms=START_MS, now_ms=START_MS + 1500)
    event = prediction("m", "p")

    assert decode_alert(encode_alert(firing)) == firing and decode_alert(encode_alert(end)) == end
    assert decode_prediction(encode_prediction(event)) == event
    assert firing.fingerprint == end.fingerprint == fingerprint_of(labels("m"))
    assert (firing.id, end.id) == (alert_id(firing.fingerprint, 7, "firing"), alert_id(end.fingerprint, 7, "resolved"))
    assert firing.endsAt is None and end.endsAt == "2026-11-24T14:00:01.500Z" and end.startsAt == firing.startsAt
    assert next_episode(0, START_MS) == START_MS and next_episode(START_MS + 5, START_MS) == START_MS + 6


async def test_a_page_is_followed_to_every_channel_and_back() -> None:
    rig = await Rig(ROUTE, destinations=BOTH).start()
    firing = record(rig)
    assert read(rig.router.state, firing).arrival is Arrival.NOT_READ
    await rig.push(firing)
    assert read(rig.router.state, firing).arrival is Arrival.ARRIVED
    assert arrivals(pages(rig.router.state, TREE, firing)) == dict.fromkeys(BOTH, Arrival.GATHERING)

    await rig.until(1)
    assert arrivals(pages(rig.router.state, TREE, firing)) == dict.fromkeys(BOTH, Arrival.ARRIVED)
    groups = set(rig.router.state.groups)
    assert (await over(rig, groups, firing)).arrival is Arrival.NOT_READ

    await rig.push(record(rig, "resolved"))
    assert (await over(rig, groups, firing)).arrival is Arrival.STILL_OPEN
    await rig.until(10)
    assert (await over(rig, groups, firing)).arrival is Arrival.ARRIVED
    assert all(channel.opened == channel.closed == 1 for channel in rig.channels.values())


async def test_a_channel_that_is_down_is_named_and_its_answer_is_told() -> None:
    rig = await Rig(ROUTE, destinations=BOTH).start()
    rig.channels[BOTH[1]].down = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
    firing = record(rig)
    await rig.push(firing)
    await rig.until(3)
    found = pages(rig.router.state, TREE, firing)
    assert arrivals(found) == {BOTH[0]: Arrival.ARRIVED, BOTH[1]: Arrival.WAITING}
    assert "server_error" in found[1].detail and "503" in found[1].detail

    groups = set(rig.router.state.groups)
    rig.channels[BOTH[0]].down = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
    await rig.push(record(rig, "resolved"))
    await rig.until(10)
    still = await over(rig, groups, firing)
    assert still.arrival is Arrival.STILL_OPEN and BOTH[0] in still.detail and BOTH[1] not in still.detail


async def test_a_page_that_is_given_up_did_not_arrive() -> None:
    rig = await Rig(ROUTE).start()
    rig.vendor.down = failed(OutcomeReason.AUTH_ERROR, "the key is not valid")
    firing = record(rig)
    await rig.push(firing)
    await rig.until(1)
    [found] = pages(rig.router.state, TREE, firing)
    assert found.arrival is Arrival.GIVEN_UP and found.destination == BOTH[0]
    assert "auth_error" in found.detail and "the key is not valid" in found.detail


async def test_what_holds_a_page_back_is_named() -> None:
    silenced = Muted()
    rig = await Rig(ROUTE, muters=[silenced]).start()
    firing = record(rig)
    await rig.push(firing)
    await rig.until(2)
    [found] = pages(rig.router.state, TREE, firing)
    assert found.arrival is Arrival.HELD_BACK and "s1" in found.detail
    silenced.on = False
    await rig.until(10)
    assert [one.arrival for one in pages(rig.router.state, TREE, firing)] == [Arrival.ARRIVED]


async def test_a_page_of_a_storm_is_no_arrival() -> None:
    rig = await Rig(ROUTE, destinations=[BOTH[1]]).start()
    rig.vendor.down = failed(OutcomeReason.SERVER_ERROR, "HTTP 503")
    for number in range(MAX_UNOPENED):
        await rig.fire(alertname=f"A{number}")
    await rig.until(2)
    firing = record(rig)
    await rig.push(firing)
    await rig.until(5)
    assert [one.arrival for one in pages(rig.router.state, TREE, firing)] == [Arrival.STORM]


async def test_a_receiver_without_channels_and_a_route_of_another_file_are_no_arrival() -> None:
    rig = await Rig(ROUTE, destinations=()).start()
    firing = record(rig)
    await rig.push(firing)
    await rig.until(1)
    [found] = pages(rig.router.state, TREE, firing)
    assert found.arrival is Arrival.NO_CHANNEL and "oncall" in found.detail

    other = compile_tree(msgspec.convert({**ROUTE, "name": "other"}, Route))
    [found] = pages(rig.router.state, other, firing)
    assert found.arrival is Arrival.NO_CHANNEL and "not in this configuration" in found.detail


async def test_a_later_canary_is_noticed_and_an_earlier_one_is_no_arrival() -> None:
    rig = await Rig(ROUTE).start()
    first, second = record(rig), record(rig, episode=START_MS + 1)
    await rig.push(first)
    assert read(rig.router.state, second).arrival is Arrival.NOT_READ
    await rig.push(second)
    assert read(rig.router.state, first).arrival is Arrival.OVERTAKEN
    assert [one.arrival for one in pages(rig.router.state, TREE, first)] == [Arrival.OVERTAKEN]
    assert (await over(rig, set(), first)).arrival is Arrival.OVERTAKEN


async def test_a_canary_that_flaps_says_so() -> None:
    rig = await Rig(ROUTE, flapping=FlappingRule(opens=1, window_ms=3_600_000, quiet_ms=900_000)).start()
    firing, groups = record(rig), set[str]()
    for number in range(2):
        firing = record(rig, episode=START_MS + number)
        await rig.push(firing)
        await rig.until(10 * number + 5)
        groups = set(rig.router.state.groups)
        await rig.push(record(rig, "resolved", episode=START_MS + number))
        await rig.until(10 * number + 9)
    assert (await over(rig, groups, firing)).arrival is Arrival.FLAPPING
    await rig.until(1000)
    assert (await over(rig, groups, firing)).arrival is Arrival.ARRIVED


@pytest.mark.parametrize("step", Step)
def test_every_hop_has_words_and_one_that_was_not_reached_says_what_to_look_at(step: Step) -> None:
    good = hop_of(step, Arrival.ARRIVED, 0.25, "f00d")
    bad = hop_of(step, Arrival.WAITING, 60, "f00d", detail="why")
    assert good.arrived and not good.look_at and line(good) == f"    0.2 s  {WORDS[step]}"
    assert not bad.arrived and "{" not in bad.look_at and LOOK_AT[step]
    assert "NOT SO" in line(bad) and "why" in line(bad) and bad.look_at in line(bad)
