"""An alert record that makes the router raise costs that record, not the router."""

from __future__ import annotations

import pytest

from driftbell.alerting.errors import StoreUnavailableError
from driftbell.alerting.incidents.observation import Observation
from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.state import Draft
from driftbell.alerting.state.store import Changes
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert
from tests.alerting.rig import Rig

#: Made in memory, past the codec, which refuses it: msgpack has no such integer.
POISON = make_alert(episode=2**70, labels={"model": "poison"})


async def test_a_record_that_cannot_be_stored_is_passed_over_and_those_around_it_page() -> None:
    rig = await Rig().start()
    results = await rig.push(make_alert(labels={"model": "a"}), POISON, make_alert(labels={"model": "b"}))
    assert results == [Observation.FIRING, Observation.FIRING]
    assert rig.router.state.offsets == {0: 3}
    assert {entry.alert.labels["model"] for entry in rig.router.state.entries.values() if entry.alert} == {"a", "b"}
    assert rig.router.metrics.records.labels("bad_record")._value.get() == 1
    assert rig.router.metrics.records.labels("firing")._value.get() == 2
    await rig.until(120)
    assert rig.vendor.opened == 1
    assert rig.vendor.arrivals[0].firing == ["a", "b"]


async def test_a_restarted_router_does_not_meet_the_poison_record_again() -> None:
    store = MemoryStore()
    rig = await Rig(store=store).start()
    await rig.push(POISON)
    again = await Rig(store=store, topic=rig.topic, clock=rig.clock).start(generation=2)
    assert again.router.state.offsets == {0: 1}
    assert await again.fire() == [Observation.FIRING]


async def test_a_record_that_the_rules_raise_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await Rig().start()
    dispatch = rig.router._dispatch
    apply = dispatch.apply

    def raising(draft: Draft, alert: Alert, now_ms: int) -> Observation:
        result = apply(draft, alert, now_ms)
        if alert.labels["model"] == "poison":
            raise RuntimeError("after half of the work")
        return result

    monkeypatch.setattr(dispatch, "apply", raising)
    await rig.push(make_alert(labels={"model": "poison"}), make_alert(labels={"model": "a"}))
    assert [entry.alert.labels["model"] for entry in rig.router.state.entries.values() if entry.alert] == ["a"]
    assert rig.router.state.offsets == {0: 2}


async def test_no_record_is_passed_over_when_the_store_is_at_fault() -> None:
    class Failing(MemoryStore):
        error: Exception | None = None

        async def save(self, changes: Changes) -> None:
            if self.error is not None:
                raise self.error
            await super().save(changes)

    store = Failing()
    rig = await Rig(store=store).start()
    for error in (StoreUnavailableError("away"), TypeError("a fault of the store's own")):
        store.error = error
        with pytest.raises(type(error)):
            await rig.router.apply([AlertRecord(0, 0, make_alert())])
        assert rig.router.state.offsets == {}
    store.error = None
    assert await rig.router.apply([AlertRecord(0, 0, make_alert())]) == [Observation.FIRING]
