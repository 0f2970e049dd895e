"""The router reads a state that an older version wrote, and closes what is open in it.

``data/before_rooms.json`` was written by commit 7514533, the last before the rooms of the code were made and its records
renamed. A script ran that commit's ``tests.alerting.rig.Rig`` with PagerDuty, Slack and email behind ``oncall`` and a
webhook behind ``team``, over five minutes: alerts of seven models fire; email does not connect after 30 s (a critical message
waits and was reported on PagerDuty); the webhook's address is gone (five dead deliveries, reported too); Slack asks for an
hour's silence; and the router ends while PagerDuty is being called. The file holds the tables of bytes as the store had
them (base64), the time, and the keys that were open at the vendors.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Entry, Group
from driftbell.alerting.state.store import Table
from driftbell.alerting.state.tables import load
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig, VendorChannel, VirtualClock

BEFORE: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "before_rooms.json").read_text("utf-8"))

ROUTE = {
    "group_by": ["model"],
    "group_wait": 10.0,
    "group_interval": 60.0,
    "repeat_interval": 3600.0,
    "routes": [{"name": "team", "receiver": "team", "matchers": ['team="b"']}],
}

MODELS: dict[str, dict[str, Any]] = {
    "fraud": {},
    "churn": {"severity": "warning"},
    "risk": {},
    "rank": {"severity": "error", "team": "b"},
}
MODELS |= {"late": {}, "cut": {}, "over": {"severity": "info"}}


def stored() -> MemoryTables:
    """The tables as the older router left them."""
    shared = MemoryTables()
    shared.generation = BEFORE["generation"]
    for table, content in BEFORE["tables"].items():
        shared.tables[Table(table)] = {key: base64.b64decode(value) for key, value in content.items()}
    return shared


@pytest.mark.parametrize(
    ("table", "kind"),
    [(Table.ENTRIES, Entry), (Table.GROUPS, Group), (Table.QUEUES, DeliveryQueue), (Table.DEAD, DeadDelivery)],
)
def test_no_field_of_a_stored_record_is_dropped_or_renamed(table: Table, kind: type[msgspec.Struct]) -> None:
    content = stored().tables[table]
    assert content
    for data in content.values():
        # Decoding leaves out what it does not know; what is written again must be the same.
        assert msgspec.msgpack.decode(encode(decode(data, kind))[1:-4]) == msgspec.msgpack.decode(data[1:])


def test_what_was_open_waiting_and_given_up_is_known() -> None:
    state = load(stored().tables)

    incidents = [incident for queue in state.queues.values() for incident in queue.incidents]
    rows = [row for queue in state.queues.values() for row in queue.rows]
    assert {incident.delivered for incident in incidents} == {"yes", "no"}
    assert sum(incident.delivered == "yes" for incident in incidents) == sum(map(len, BEFORE["open"].values()))
    assert {row.state for row in rows} == {"pending", "sending"}
    assert any(row.failed_over for row in rows)
    assert len(state.dead_deliveries) == 5
    assert state.offsets == {0: 8}


@pytest.mark.slow
@pytest.mark.parametrize("correlate", [None, {"window": 900.0}], ids=["as before", "correlating now"])
async def test_a_router_that_takes_over_from_the_older_version_closes_everything(correlate: Any) -> None:
    clock = VirtualClock(BEFORE["now_ms"])
    channels = {
        destination: VendorChannel(clock, open=dict.fromkeys(keys, 1)) for destination, keys in BEFORE["open"].items()
    }
    route = {**ROUTE, "correlate": correlate}
    rig = Rig(route, destinations=list(BEFORE["open"]), channels=channels, store=MemoryStore(stored()), clock=clock)
    rig.topic += [None] * 8  # type: ignore[list-item]  # read by the older router
    await rig.start(generation=2)
    begin = (clock() - START_MS) / 1000
    # Every vendor works again: what waits is sent, Slack's after the hour that it asked for.
    await rig.until(begin + 4000)

    assert not any(queue.rows for queue in rig.router.state.queues.values())
    assert all("cut" in str(channel.arrivals) for name, channel in channels.items() if name.startswith("oncall"))

    for model, labels in MODELS.items():
        await rig.resolve(model, **labels)
    await rig.until(begin + 5000)

    assert {name: channel.open for name, channel in channels.items()} == {key: {} for key in BEFORE["open"]}
    assert all(channel.stray == 0 for channel in channels.values())
    assert rig.router.state.queues == {}
    assert rig.router.state.groups == {}
