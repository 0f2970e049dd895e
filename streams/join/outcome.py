"""What the join did with a label or a prediction."""

from __future__ import annotations

import enum


class JoinOutcome(enum.StrEnum):
    """The value is the metric label. A label counts when it comes; one that waits counts again when its wait ends."""

    #: The first label of a prediction.
    JOINED = "joined"
    #: Another label, or another weight, for a prediction that had one.
    AMENDED = "amended"
    #: The label and weight that the prediction already has, or that already wait for it. 1, true and "1" are one label
    #: (``driftbell.streams.agreement``).
    DUPLICATE = "duplicate"
    #: No prediction yet: the label waits for it.
    WAITING = "waiting"
    #: A waiting label was replaced by a later, different one.
    REPLACED = "replaced"
    #: The prediction is known, but its horizon is over: not applied.
    LATE = "late"
    #: A waiting label whose prediction did not come within the horizon.
    UNMATCHED = "unmatched"
    #: A waiting label given up early because too many wait.
    OVERFLOWED = "overflowed"
    #: A prediction whose horizon ended without a label.
    EXPIRED = "expired"
    #: What is stored of the prediction cannot be read: not applied.
    DAMAGED = "damaged"
