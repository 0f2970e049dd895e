"""The feedback event: the true label of a prediction, usually much later."""

from __future__ import annotations

import msgspec

from driftbell.schemas.identifier import Identifier
from driftbell.schemas.limits import Answer, Tags, Weight


class Feedback(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One label, as published to the ``feedback`` topic under the key ``model``.

    A second label for the same ``prediction_id`` amends the first; the same label again is a duplicate.
    ``timestamp`` and ``forbid_unknown_fields`` are as in ``Prediction``.
    """

    prediction_id: Identifier
    model: Identifier
    label: Answer
    timestamp: int | float | str | None = None
    #: How much this label counts in weighted metrics: 0 to 1,000,000.
    weight: Weight = 1.0
    tags: Tags = {}
