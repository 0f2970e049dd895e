"""One alert of which several partitions speak, as the events' keys are wrong: one incident, over when all are over."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from driftbell.alerting.incidents.observation import Observation
from driftbell.schemas import Alert, Status
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.rig import Rig

DEFAULTS = {"group_by": ["alertname"], "group_wait": 1, "group_interval": 2, "repeat_interval": 10_000}


def said(status: Status, partition: int | None, at: float = 0, episode: int = 1) -> Alert:
    at_ms = START_MS + round(at * 1000)
    return make_alert(status, at_ms=at_ms, episode=episode, id=f"{partition}/{episode}/{status}", partition=partition)


@pytest.mark.parametrize("order", [(None, 4), (4, None), (2, 5), (5, 2)])
async def test_the_incident_stays_open_until_it_is_over_in_both_partitions(
    order: tuple[int | None, int | None],
) -> None:
    one = await Rig(DEFAULTS).start()
    first, second = order
    assert await one.push(said("firing", first)) == [Observation.FIRING]
    assert await one.push(said("firing", second, 0.5)) == [Observation.FIRES_ELSEWHERE]
    await one.until(4)
    assert await one.push(said("resolved", first, 4)) == [Observation.FIRES_ELSEWHERE]
    await one.until(20)
    assert len(one.vendor.open) == 1
    assert one.vendor.story == [(1.0, "trigger")]

    assert await one.push(said("resolved", second, 20)) == [Observation.RESOLVED]
    await one.until(30)
    assert (one.vendor.opened, one.vendor.closed, one.vendor.stray) == (1, 1, 0)
    assert one.router.state.groups == {}


async def test_each_partition_counts_episodes_of_its_own() -> None:
    one = await Rig(DEFAULTS).start()
    await one.push(said("firing", None, episode=7))
    assert await one.push(said("firing", 3, episode=1)) == [Observation.FIRES_ELSEWHERE]
    assert await one.push(said("firing", 3, episode=1)) == [Observation.DUPLICATE]
    await one.push(said("resolved", None, 2, episode=7))
    await one.until(10)
    assert len(one.vendor.open) == 1
    await one.push(said("pending", 3, 11, episode=2))
    await one.until(20)
    assert len(one.vendor.open) == 0, "a later episode that has only begun says that the earlier one is over"


async def test_what_fired_before_partitions_were_named_is_closed_by_the_partition_that_fired() -> None:
    one = await Rig(DEFAULTS).start()
    await one.push(said("firing", None))
    await one.until(2)
    await one.push(msgspec.structs.replace(said("resolved", 3, 3), startsAt=said("firing", None).startsAt))
    await one.until(10)
    assert (one.vendor.opened, one.vendor.closed) == (1, 1)


async def test_an_incident_is_open_exactly_while_any_partition_fires() -> None:
    """Random lives of four partitions, records repeated at random, against a set of those that fire."""
    for seed in range(30):
        random = Random(seed)
        one = await Rig(DEFAULTS | {"group_wait": 0, "group_interval": 0.1}).start()
        firing: dict[int | None, int] = {}
        episodes: dict[int | None, int] = {}
        for step in range(40):
            where = random.choice([None, 1, 2, 3])
            if where in firing:
                record = said("resolved", where, step, firing.pop(where))
            else:
                firing[where] = episodes[where] = episodes.get(where, 0) + 1
                record = said("firing", where, step, firing[where])
            await one.push(*[record] * random.choice([1, 2]))
            await one.until(one.now + 1)
            assert bool(one.vendor.open) == bool(firing), (seed, step)
        assert one.vendor.stray == 0
