"""The prediction event: one per answer (or failure) of a served model."""

from __future__ import annotations

from typing import Annotated

import msgspec

from driftbell.schemas.identifier import Identifier
from driftbell.schemas.limits import MAX_ENTRIES, Answer, Latency, Numbers, Tags, Text, Vector

#: What a feature may hold on the wire. ``None`` and an absent key both mean "missing".
#: Numbers always arrive as ``float``: JSON does not tell 1 from 1.0 (JavaScript writes both as ``1``), and an integer
#: type would let numbers through that no float can hold.
FeatureValue = float | str | bool | None

#: The variant of events that answer real traffic; others are shadows and experiment arms.
LIVE = "live"


class Prediction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One prediction, as published to the ``predictions`` topic under the key ``model``.

    ``timestamp`` is the moment the prediction was made: RFC 3339 text or epoch milliseconds (``schemas.to_epoch_ms``).
    None stands for the time of the Kafka record.
    ``prediction`` may be absent only where ``error`` says why there is none.
    ``scores`` is either the probability of the positive class or a mapping of class to probability.

    ``gc=False``: events hold no cycles, and tracking a chunk of thousands of them costs a third of the decode.
    ``forbid_unknown_fields``: not a rule of the contract, but how the codec finds out at no cost that there are some; it
    counts them and reads the event without them (``schemas.tolerance``).
    """

    prediction_id: Identifier
    model: Identifier
    version: Identifier
    timestamp: int | float | str | None = None
    features: Annotated[dict[str, FeatureValue], msgspec.Meta(max_length=MAX_ENTRIES)] = {}
    prediction: Answer | None = None
    scores: Numbers | float | None = None
    latency_ms: Latency | None = None
    error: str | None = None
    variant: Identifier = LIVE
    request_id: Text | None = None
    tags: Tags = {}
    attributions: Numbers = {}
    embedding: Vector = []
