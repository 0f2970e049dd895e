"""Writes of which the router does not know whether they happened."""

from __future__ import annotations

import pytest

from driftbell.alerting.errors import StoreUnavailableError
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.store import Changes, Table
from tests.alerting.rig import Rig


class MuteStore(MemoryStore):
    """A store that writes, and does not answer while it is told so."""

    mute = False

    async def save(self, changes: Changes) -> None:
        await super().save(changes)
        if self.mute:
            raise StoreUnavailableError("no answer")


async def test_a_page_of_a_write_without_an_answer_is_not_kept_when_its_alert_is_over() -> None:
    tables = MemoryTables()
    store = MuteStore(tables)
    rig = await Rig({"group_wait": 30}, store=store).start()
    await rig.fire()
    rig.clock.now_ms += 31_000
    store.mute = True
    with pytest.raises(StoreUnavailableError):
        await rig.router.flush_due()
    assert tables.tables[Table.QUEUES]
    store.mute = False
    await rig.resolve()
    await rig.until(120)

    assert rig.vendor.story == []
    assert rig.router.state.queues == {}
    assert tables.tables[Table.QUEUES] == {}
