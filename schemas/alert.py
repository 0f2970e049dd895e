"""The alert record: one transition of one condition's life, in Alertmanager's shape plus evidence."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Status = Literal["pending", "firing", "resolved"]
Severity = Literal["critical", "warning", "info"]

#: What every store and every reader can hold: JSON has no largest integer, MessagePack has.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


#: Windows of a metric that an alert carries.
MAX_SERIES = 120


class FeatureShift(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One feature that moved, for the root-cause ranking of an alert (largest evidence first)."""

    feature: str
    #: Natural logarithm of the evidence against "same as the reference"; larger moved more.
    evidence: float
    #: Population stability index against the reference, for display only.
    psi: float | None = None
    #: Epoch milliseconds where the shift most likely began.
    since_ms: Int64 | None = None


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why the alert fires: numbers a person can check, and where to look first."""

    #: The quantity watched, by its field name (``error_rate``, ``psi``, ``missing_rate``, ``latency_p95_ms``).
    metric: str
    #: Why the monitor raised it, by name (``error_rate_rose``); the alert's own ``reason`` names the transition.
    reason: str | None = None
    value: float | None = None
    baseline: float | None = None
    threshold: float | None = None
    #: Events the value was computed over, and the epoch milliseconds they span.
    window_events: Int64 | None = None
    window_start_ms: Int64 | None = None
    window_end_ms: Int64 | None = None
    #: Most likely change point, epoch milliseconds.
    change_point_ms: Int64 | None = None
    #: The detector that decided, and whether it keeps a stated false-alarm budget.
    detector: str | None = None
    calibrated: bool = True
    features: list[FeatureShift] = []


class Series(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The watched quantity in the windows around an alert, for a picture of it: at most ``MAX_SERIES``, oldest first.

    Windows without a value are left out: window *i* begins ``steps[i]`` widths after the first.
    """

    #: Epoch milliseconds at which the first window begins, and how wide each is.
    start_ms: Int64
    width_ms: Int64
    steps: Annotated[list[Int64], msgspec.Meta(max_length=MAX_SERIES)] = []
    values: Annotated[list[float], msgspec.Meta(max_length=MAX_SERIES)] = []


class Alert(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One transition, as published to ``alerts`` under the key ``fingerprint``.

    ``id`` is deterministic (uuid5 of fingerprint, episode and transition): a repeated record has the same ``id``.
    ``fingerprint`` is Alertmanager's FNV-1a of the labels, so it is stable for one condition for ever;
    ``episode`` counts how often that condition has fired.
    """

    id: str
    fingerprint: str
    status: Status
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str | None = None
    updatedAt: str
    generatorURL: str = ""
    episode: Int64
    #: Named reason of this transition (``driftbell.streams.alerts.reasons.Transition``).
    reason: str
    evidence: Evidence
    traceparent: str | None = None
    #: Which partition says so, where its model's events belong into another one (their key is wrong): several partitions may
    #: then speak of one condition, and it is over when it is over in all of them. None: the partition of the model.
    partition: Int64 | None = None
    #: How the quantity of the evidence went; None where there are no windows of it.
    series: Series | None = None
