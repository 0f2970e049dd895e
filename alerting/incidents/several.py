"""One alert of which several partitions speak: it fires while it fires in any of them, and is over when it is over in all.

That happens where the events of a model lie in partitions that are not the model's, as their keys are wrong. Each partition
then counts episodes of its own (``Alert.partition``).
"""

from __future__ import annotations

from typing import Final

import msgspec

from driftbell.alerting.incidents.observation import Observation, judge
from driftbell.alerting.state.records import Entry, Life
from driftbell.schemas import Alert

#: The name under which the life in the model's own partition is kept.
HOME: Final = ""


def of_several(entry: Entry | None, alert: Alert) -> bool:
    """Whether another partition than the model's speaks, or has spoken, of this alert."""
    return alert.partition is not None or (entry is not None and bool(entry.lives))


def take_in(entry: Entry, alert: Alert, updated_ms: int) -> Observation:
    """What a record changes of an alert of several partitions; ``entry`` is changed."""
    lives = entry.lives
    if not lives and entry.episode:
        known = entry.alert if _fires(entry.alert) else None
        lives[HOME] = Life(episode=entry.episode, status=entry.status, updated_ms=entry.updated_ms, alert=known)
    source = _source(alert)
    _recognise(lives, source, alert)
    life = lives.get(source)
    observation = judge(life, alert)
    if not observation.changes:
        return observation
    fired_before = any(one.alert is not None for one in lives.values())
    own = life.alert if life is not None else None
    over: Alert | None = None
    if observation is Observation.FIRING or (observation is Observation.REFRESHED and own is not None):
        own = alert
    elif observation is Observation.RESOLVED:
        own, over = None, alert
    elif observation is Observation.SUPERSEDED and own is not None:
        over = msgspec.structs.replace(own, status="resolved", endsAt=alert.startsAt)
        own = None
    lives[source] = Life(episode=alert.episode, status=alert.status, updated_ms=updated_ms, alert=own)
    firing = {name: one.alert for name, one in lives.items() if one.alert is not None}
    entry.episode, entry.updated_ms = alert.episode, updated_ms
    if not firing:
        pending = any(one.status == "pending" for one in lives.values())
        entry.status = "pending" if pending else "resolved"
        entry.alert = over or entry.alert
        return observation
    # The one that is shown stays, so that what people read does not change sides while it fires.
    shown = _source(entry.alert) if entry.alert is not None and _fires(entry.alert) else source
    entry.status, entry.alert = "firing", firing.get(shown) or next(iter(firing.values()))
    if observation is Observation.REFRESHED or (observation is Observation.FIRING and not fired_before):
        return observation
    return Observation.FIRES_ELSEWHERE


def _recognise(lives: dict[str, Life], source: str, alert: Alert) -> None:
    """A partition that fired before alerts said their partition ends now: what it ends is known as the model's own."""
    home = lives.get(HOME)
    if alert.status != "resolved" or source in lives or home is None or home.alert is None:
        return
    if (home.episode, home.alert.startsAt) == (alert.episode, alert.startsAt):
        lives[source] = lives.pop(HOME)


def _source(alert: Alert) -> str:
    return HOME if alert.partition is None else str(alert.partition)


def _fires(alert: Alert | None) -> bool:
    return alert is not None and alert.status == "firing"
