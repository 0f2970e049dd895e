"""What one alert record changes: records may be repeated or late, and only progress counts."""

from __future__ import annotations

import enum

from driftbell.alerting.state.records import Entry, Life
from driftbell.alerting.times import to_ms
from driftbell.schemas import Alert

#: The order of the transitions of one episode.
_RANK = {"pending": 0, "firing": 1, "resolved": 2}


class Observation(enum.StrEnum):
    """What became of a record. The value is the log field, the metric label and what tests assert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    #: Noted, not notified: the condition has not held long enough yet.
    PENDING = "pending"
    #: The same transition with newer annotations or evidence.
    REFRESHED = "refreshed"
    DUPLICATE = "duplicate"
    #: A transition that a later one has overtaken.
    OUT_OF_ORDER = "out_of_order"
    #: It is over, and nobody ever heard of it.
    NEVER_FIRED = "never_fired"
    #: A pending record of a later episode says that the firing one is over.
    SUPERSEDED = "superseded"
    #: It begins or ends in one of several partitions, and fires in another: the alert as a whole fires on.
    FIRES_ELSEWHERE = "fires_elsewhere"

    @property
    def changes(self) -> bool:
        """Whether the record changes what is known."""
        return self not in (Observation.DUPLICATE, Observation.OUT_OF_ORDER)


def judge(entry: Entry | Life | None, alert: Alert) -> Observation:
    """Compare a record with what is known of its fingerprint."""
    if entry is None:
        return {"pending": Observation.PENDING, "firing": Observation.FIRING, "resolved": Observation.NEVER_FIRED}[
            alert.status
        ]
    known = (entry.episode, _RANK[entry.status])
    new = (alert.episode, _RANK[alert.status])
    if new < known:
        return Observation.OUT_OF_ORDER
    if new == known:
        return Observation.REFRESHED if to_ms(alert.updatedAt) > entry.updated_ms else Observation.DUPLICATE
    if alert.status == "firing":
        return Observation.FIRING
    is_firing = entry.alert is not None and entry.alert.status == "firing"
    if alert.status == "pending":
        return Observation.SUPERSEDED if is_firing else Observation.PENDING
    return Observation.RESOLVED if is_firing else Observation.NEVER_FIRED
