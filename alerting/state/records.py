"""The router's state as plain records: what the stores keep, what the pure core reads and changes.

All times are epoch milliseconds of the router's clock. Records are changed only through ``alerting.state.state.Draft``.
"""

from __future__ import annotations

import enum
from typing import Any, Final, Literal

import msgspec

from driftbell.alerting.state.posted_alerts.posted import Posted
from driftbell.schemas import Alert, Status

Delivered = Literal["no", "maybe", "yes"]

#: The ``reason`` and the evidence's metric of alerts that others have posted.
POSTED: Final = "posted"


class Severity(enum.StrEnum):
    """The ``severity`` label as the router understands it; what it does not know is treated as a warning."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @classmethod
    def of(cls, text: str | None) -> Severity:
        """The severity a label's value means."""
        try:
            return cls((text or "").lower())
        except ValueError:
            return cls.WARNING

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return _SEVERITY_ORDER.index(self)


_SEVERITY_ORDER = list(Severity)


class Kind(enum.StrEnum):
    """What a delivery does to the incident on its channel."""

    TRIGGER = "trigger"
    UPDATE = "update"
    RESOLVE = "resolve"


class Life(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the life of one fingerprint has come in one of several partitions that speak of it."""

    episode: int
    status: Status
    updated_ms: int
    #: Its latest firing form; None while it does not fire there.
    alert: Alert | None = None


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody has taken an alert on: nobody else is called for it, on no channel, while it fires."""

    by: str
    at_ms: int
    #: Of a snooze: its end, which is not in it any more; 0: until the alert is over.
    until_ms: int = 0
    comment: str = ""

    def holds(self, now_ms: int) -> bool:
        """Whether it is not over."""
        return self.until_ms == 0 or now_ms < self.until_ms


class Flapping(msgspec.Struct, frozen=True, kw_only=True):
    """An alert has begun to fire more than ``opens`` times within ``window_ms``; it is kept open until ``quiet_ms`` pass."""

    opens: int
    window_ms: int
    quiet_ms: int


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known of one fingerprint: how far its life has come, and its latest notifiable form."""

    fingerprint: str
    episode: int
    status: Status
    #: The ``updatedAt`` of the latest record.
    updated_ms: int
    #: The latest firing or resolved form; None while it has only been pending, and once it is over everywhere.
    alert: Alert | None = None
    #: Ids of the groups that hold the alert.
    groups: set[str] = msgspec.field(default_factory=set)
    seen_ms: int = 0
    #: When the alert of this episode began to fire (``startsAt`` is earlier where ``for`` is set); 0: not known.
    fired_ms: int = 0
    #: By partition (``HOME``: that of the model), once another partition than the model's has spoken of it. The fields above
    #: then say what holds of all of them together.
    lives: dict[str, Life] = msgspec.field(default_factory=dict)
    #: Of this episode; None while nobody has taken it on.
    acknowledgement: Acknowledgement | None = None
    #: When somebody last took it on or gave it back; 0: never.
    acknowledgement_ms: int = 0
    #: When it began to fire lately, as often as matters.
    fires: tuple[int, ...] = ()
    #: Why it is kept open when it is over; None while it does not flap.
    flapping: Flapping | None = None
    #: It is over, and shown as firing until then.
    kept_until_ms: int = 0
    #: Of an alert that others post; None of driftbell's own.
    posted: Posted | None = None

    def copy(self) -> Entry:
        """A copy that can be changed without changing this one."""
        return msgspec.structs.replace(self, groups=set(self.groups), lives=dict(self.lives))


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination was last sent about a group (Alertmanager's notification log)."""

    at_ms: int
    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = frozenset()
    #: Rank of the most severe firing alert, 0 for critical; unset in what older versions wrote.
    worst: int | msgspec.UnsetType = msgspec.UNSET
    #: Those of the firing that it was told are acknowledged; unset: none.
    acknowledged: frozenset[str] | msgspec.UnsetType = msgspec.UNSET
    #: When people there were called last; unset: when it was sent something.
    called_ms: int | msgspec.UnsetType = msgspec.UNSET
    #: Those of the firing that it was told flap; unset: none.
    flapping: frozenset[str] | msgspec.UnsetType = msgspec.UNSET


class Group(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Alerts that are notified together: one route, one set of values of its ``group_by`` labels."""

    id: str
    route_id: str
    #: Alertmanager's group key: ``{}/{team="a"}:{alertname="X"}``.
    key: str
    labels: dict[str, str]
    created_ms: int
    next_flush_ms: int
    flushed: bool = False
    #: Since when something of it fires that people were told of and nobody has taken on; 0: there is nothing.
    waiting_ms: int = 0
    #: The receivers of the steps of its escalation that were reached, in order.
    escalated_to: tuple[str, ...] = ()
    #: Fingerprints.
    members: set[str] = msgspec.field(default_factory=set)
    #: By destination.
    log: dict[str, LogEntry] = msgspec.field(default_factory=dict)
    #: Of an incident (``driftbell.alerting.incidents.correlation``): what all of its route and labels have in common, the id
    #: that their one group would have; empty where the group is no incident.
    base: str = ""
    #: When its cause was, and when its first alert fired.
    onset_ms: int = 0
    opened_ms: int = 0
    #: The features that moved in it.
    features: set[str] = msgspec.field(default_factory=set)
    #: Fingerprints that were in it and are over, with their episode; the longest over first.
    past: dict[str, int] = msgspec.field(default_factory=dict)
    #: Destinations at which it is told together with very many others (``driftbell.alerting.life.holding``).
    held: set[str] = msgspec.field(default_factory=set)
    #: The severity with which it is held, 0 for critical.
    held_rank: int = 0
    #: Of a digest (``driftbell.alerting.storms.digest``): how many incidents it has said.
    counted: int = 0

    def copy(self) -> Group:
        """A copy that can be changed without changing this one."""
        return msgspec.structs.replace(
            self,
            members=set(self.members),
            log=dict(self.log),
            features=set(self.features),
            past=dict(self.past),
            held=set(self.held),
        )


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one delivery says, complete: rendering it needs nothing else, now or after a restart."""

    receiver: str
    status: Literal["firing", "resolved"]
    #: Named reason of the decision (``driftbell.alerting.incidents.decision.DecisionReason``).
    reason: str
    severity: Severity
    group_key: str
    group_labels: dict[str, str]
    common_labels: dict[str, str]
    common_annotations: dict[str, str]
    #: At most ``driftbell.alerting.rendering.notification.MAX_ALERTS``; the counts are of all.
    alerts: list[Alert]
    firing: int
    resolved: int
    decided_ms: int
    external_url: str = ""
    #: The destination that does not take it; empty where this one is its own.
    via: str = ""
    #: Firing alerts that are acknowledged, and the latest acknowledgement of one of them.
    acknowledged: int = 0
    acknowledgement: Acknowledgement | None = None
    #: Of an escalation or a reminder: since when nobody has taken it on; 0: it is none.
    waiting_ms: int = 0
    #: That alerts of it flap.
    flapping: Flapping | None = None
    #: Fingerprints that fire, and that are over, of which the destination was not told before; as many as ``alerts`` may hold.
    began: list[str] = []
    ended: list[str] = []

    @property
    def is_taken(self) -> bool:
        """Whether all that fires is acknowledged, so that nobody is to be called."""
        return 0 < self.firing <= self.acknowledged

    @property
    def truncated(self) -> int:
        """Alerts that are counted but not carried."""
        return self.firing + self.resolved - len(self.alerts)


class Incident(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One opening on one channel: from the first message of a group to its close."""

    id: str
    opened_ms: int
    #: Fixed when the incident opens, so that mail readers keep one thread.
    subject: str = ""
    #: Whether the channel has taken a message of it.
    delivered: Delivered = msgspec.field(default="no", name="told")
    #: Over, and the destination does not want to hear so; it goes when the delivery on its way is settled.
    ended: bool = False
    #: Deliveries made out for it so far; the next one's number.
    deliveries: int = 0
    #: How often it calls people: once when it opens, and again when it becomes more severe.
    calls: int = 1
    #: What the channel needs to edit or to reply (Slack: channel and ts).
    handle: dict[str, str] = msgspec.field(default_factory=dict)

    def copy(self) -> Incident:
        """A copy that can be changed without changing this one."""
        return msgspec.structs.replace(self, handle=dict(self.handle))


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One delivery that has to be made."""

    delivery_id: str
    incident_id: str
    notification: Notification
    state: Literal["pending", "sending"] = "pending"
    attempts: int = 0
    #: Attempts whose outcome is not known: the channel may have got it.
    unknown: int = 0
    #: When the oldest content that this row stands for was decided.
    since_ms: int
    enqueued_ms: int
    next_attempt_ms: int
    last_reason: str = ""
    last_error: str = ""
    #: Another destination has received a message that this one cannot be delivered.
    failed_over: bool = msgspec.field(default=False, name="escalated")
    #: A close that the destination has refused: it is tried every hour, for as long as it takes.
    refused: bool = False
    #: People are to be called again though the incident is open: it has become more severe, or is a new one.
    calls_again: bool = False

    def copy(self) -> Row:
        """A copy that can be changed without changing this one."""
        return msgspec.structs.replace(self)


class DeliveryQueue(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One group on one destination: its open incidents, and the deliveries still to be made, strictly in order."""

    id: str
    group_id: str
    destination: str
    incidents: list[Incident] = msgspec.field(default_factory=list)
    rows: list[Row] = msgspec.field(default_factory=list)
    #: Of a page on a fallback: the queue in whose place it speaks, and the destination of that one.
    stands_for: str = ""
    via: str = ""

    def copy(self) -> DeliveryQueue:
        """A copy that can be changed without changing this one."""
        incidents = [incident.copy() for incident in self.incidents]
        return msgspec.structs.replace(self, incidents=incidents, rows=[row.copy() for row in self.rows])

    def incident(self, incident_id: str) -> Incident:
        """The incident a row belongs to."""
        return next(incident for incident in self.incidents if incident.id == incident_id)

    @property
    def key(self) -> str:
        """The identity of "this group on this destination" towards the vendor, 32 hex digits: PagerDuty's dedup_key."""
        return self.id

    def keys(self, incident: Incident) -> tuple[str, ...]:
        """The identities of an incident towards a vendor, the newest last: each call has its own, and a close closes all."""
        return tuple(self.key if number == 1 else f"{self.key}-{number}" for number in range(1, incident.calls + 1))

    @property
    def is_unopened(self) -> bool:
        """Whether its channel has not heard of its incident yet."""
        return bool(self.incidents) and self.incidents[-1].delivered == "no"

    @property
    def rank(self) -> int:
        """The severity of its next message, 0 for critical."""
        return self.rows[0].notification.severity.rank if self.rows else 0

    @property
    def is_failing(self) -> bool:
        """Whether another destination was used for one of its messages."""
        return any(row.failed_over for row in self.rows)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open and nothing is left to say."""
        return not self.incidents and not self.rows


class DeadDelivery(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A delivery that was given up, kept for inspection."""

    delivery_id: str
    destination: str
    kind: Kind
    #: Named reason of giving up (``driftbell.alerting.outbox.delivery_queue.Settled``), and the channel's last one.
    reason: str
    last_reason: str
    last_error: str
    attempts: int
    subject: str
    at_ms: int
    #: Of the message; empty in what older versions wrote.
    severity: str = ""


class KnownDestination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the router remembers of a destination, so that what was opened there is closed under another configuration.

    It is of the configuration in force, or retired.

    ``settings`` names secrets by file or variable. A secret that stands in the configuration itself is kept in ``secrets``,
    and only while something is open at the destination: without it nobody could close that after the configuration has
    changed. The store keeps it as it is given.
    """

    id: str
    integration: str
    receiver: str
    label: str
    address: str
    settings_digest: str = ""
    send_resolved: bool = True
    #: When it was found to be gone from the configuration; 0 while it is there.
    retired_ms: int = 0
    #: With what its channel is built, as in the file, without inline secrets. Empty: not known (it is of an older version).
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"KnownDestination(id={self.id!r}, label={self.label!r}, retired_ms={self.retired_ms})"
