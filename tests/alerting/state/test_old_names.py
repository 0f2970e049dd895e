"""A state of before identities knows destinations by their places: it is taken over by what stands there now."""

from __future__ import annotations

import pytest

from driftbell.alerting.destinations.old_names import old_names
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.tables import load
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig, VendorChannel, VirtualClock
from tests.alerting.state.test_state_of_before import BEFORE, MODELS, ROUTE, stored

LABELS = list(BEFORE["open"])
IDENTITIES = {label: f"kind-{number}" for number, label in enumerate(LABELS)}


async def taken_over(*left_out: str) -> tuple[Rig, dict[str, VendorChannel]]:
    clock = VirtualClock(BEFORE["now_ms"])
    channels = {
        IDENTITIES[label]: VendorChannel(clock, open=dict.fromkeys(keys, 1)) for label, keys in BEFORE["open"].items()
    }
    destinations = {label: name for label, name in IDENTITIES.items() if label not in left_out}
    rig = Rig(ROUTE, destinations=destinations, channels=channels, store=MemoryStore(stored()), clock=clock)
    rig.topic += [None] * 8  # type: ignore[list-item]  # read by the older router
    return await rig.start(generation=2), channels


def test_the_state_of_before_knows_places() -> None:
    assert old_names(load(stored().tables)) == set(LABELS)


async def test_everything_that_knew_a_place_knows_the_identity() -> None:
    rig, _ = await taken_over()

    assert old_names(rig.router.state) == set()
    state = rig.router.state
    assert {queue.destination for queue in state.queues.values()} <= set(IDENTITIES.values())
    assert {name for group in state.groups.values() for name in group.log} <= set(IDENTITIES.values())
    assert set(state.destinations) == set(IDENTITIES.values())
    # Vendors know incidents by the ids of queues.
    assert set(load(stored().tables).queues) <= set(state.queues)


@pytest.mark.slow
async def test_what_was_open_is_closed_once_where_it_was_opened() -> None:
    rig, channels = await taken_over()
    begin = (rig.clock() - START_MS) / 1000
    await rig.until(begin + 4000)
    opened = {name: channel.opened for name, channel in channels.items()}
    for model, labels in MODELS.items():
        await rig.resolve(model, **labels)
    await rig.until(begin + 5000)

    assert all(channel.open == {} and channel.stray == 0 for channel in channels.values())
    for label, keys in BEFORE["open"].items():
        channel = channels[IDENTITIES[label]]
        assert channel.closed == len(keys) + opened[IDENTITIES[label]]
    assert rig.router.state.queues == {} and rig.router.state.groups == {}


async def test_a_place_that_is_gone_is_remembered_as_retired_until_nothing_is_open_there() -> None:
    gone = next(label for label in LABELS if BEFORE["open"][label])
    rig, _ = await taken_over(gone)
    known = rig.router.state.destinations[gone]

    assert known.retired_ms == BEFORE["now_ms"] and known.settings == {}
    assert all(queue.destination != gone or queue.incidents for queue in rig.router.state.queues.values())
