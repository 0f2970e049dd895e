"""What holds alerts back now, and what others have posted: read from where the router keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftbell.router_commands import at_store

if TYPE_CHECKING:
    from driftbell.alerting.muting.muter import Muted
    from driftbell.alerting.state.records import Acknowledgement
    from driftbell.alerting.state.state import State
    from driftbell.alerting.state.store import CommandBox
    from driftbell.runtime.config.model import Config
    from driftbell.schemas import Alert


def router_state(config: Config) -> State:
    """What the router that leads saved last, of alerts and silences.

    Raises:
        CommandError: it is in another process's memory, or does not answer.
    """
    from driftbell.alerting.state.store import Table, Tables
    from driftbell.alerting.state.tables import load

    async def saved(box: CommandBox) -> State:
        tables: Tables = {table: {} for table in Table}
        for table in (Table.ENTRIES, Table.SILENCES):
            tables[table] = await box.look(table)
        return load(tables)

    return at_store(config, saved)


def posted(state: State, now_ms: int) -> list[Alert]:
    """The alerts that others have posted and that fire, the oldest first."""
    entries = (state.entries[alert.fingerprint] for alert in state.firing)
    return [
        one.alert for one in entries if one.posted is not None and one.posted.fires(now_ms) and one.alert is not None
    ]


def said(by: Muted, made: Acknowledgement | None) -> str:
    """What holds an alert back, for people; of a snooze also until when."""
    from driftbell.alerting.muting.muter import MuteKind
    from driftbell.alerting.times import clock_time

    words = []
    for muting in by.by:
        how = str(muting.kind)
        if muting.kind is MuteKind.ACKNOWLEDGED and made is not None and made.until_ms:
            how = f"snoozed until {clock_time(made.until_ms)}"
        words.append(f"{how} by {', '.join(muting.ids)}")
    return "; ".join(words)


def held_back(config: Config, state: State, alerts: Sequence[Alert], now_ms: int) -> dict[str, Muted]:
    """What silences or inhibits alerts, and who has taken them on, by fingerprint; what nothing does is not in it."""
    from driftbell.alerting.incidents.configured import muters_of
    from driftbell.alerting.muting.muter import MuteContext, muted
    from driftbell.alerting.state.records import Group
    from driftbell.alerting.state.state import Draft

    # Time intervals belong to routes: an alert that has several may be held back on one only.
    nowhere = Group(id="", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)
    known = Draft(state).acknowledgement
    context = MuteContext(None, nowhere, state.firing, now_ms, state.silences, acknowledgement=known)
    muters = muters_of(config.router)
    found = {alert.fingerprint: muted(muters, alert, context) for alert in alerts}
    return {name: by for name, by in found.items() if by}
