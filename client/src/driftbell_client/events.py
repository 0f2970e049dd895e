"""The two events, as JSON: the client's own copy of driftbell's contract, so that it needs nothing else of it."""

from __future__ import annotations

import msgspec

from driftbell_client.plain import Plain
from driftbell_client.refused import Refused
from driftbell_client.stats import DropReason


class Prediction(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One answer (or failure) of a model."""

    prediction_id: str
    model: str
    version: str
    timestamp: int
    features: dict[str, Plain] = {}
    prediction: Plain = None
    scores: dict[str, float] | float | None = None
    latency_ms: float | None = None
    error: str | None = None
    variant: str = "live"
    request_id: str | None = None
    tags: dict[str, str] = {}
    attributions: dict[str, float] = {}
    embedding: list[float] = []


class Label(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """The truth about one prediction."""

    prediction_id: str
    model: str
    label: Plain
    timestamp: int
    weight: float = 1.0
    tags: dict[str, str] = {}


_encoder = msgspec.json.Encoder()


def encode(event: Prediction | Label) -> bytes:
    """The event as JSON in UTF-8.

    Raises:
        Refused: a text of it is not Unicode (half a surrogate pair).
    """
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError as error:
        raise Refused(DropReason.NOT_ENCODABLE, f"text that is not Unicode: {error}") from None
