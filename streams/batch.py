"""Batches: what monitors see. A batch is all events of one subject between two boundaries of the stream.

Boundaries (every ``batch_events`` events of a subject, every tick of stream time at which its model is looked at) are a
function of the input topics' contents, so batches are the same live, after a crash and in a replay. That is why a monitor
may compute with whole-batch numpy operations and still decide deterministically.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.schemas import FeatureValue, Prediction

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Label = float | int | str | bool


@dataclass(frozen=True)
class PredictionBatch:
    """Predictions of one (model, version, variant) in stream order; never empty.

    ``time_ms`` is when each prediction was made (the payload's time), ``now_ms`` the stream time (arrival) at the batch's end.
    """

    events: list[Prediction]
    time_ms: IntArray
    now_ms: int

    def __len__(self) -> int:
        return len(self.events)

    def column(self, feature: str) -> list[FeatureValue]:
        """The raw values of one feature, ``None`` where missing."""
        return [event.features.get(feature) for event in self.events]

    @cached_property
    def predictions(self) -> list[float | int | str | bool | None]:
        """The raw predictions, ``None`` where the prediction failed, whatever it carries as a fallback."""
        return [event.prediction if event.error is None else None for event in self.events]

    @cached_property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Which events report an error."""
        return np.array([event.error is not None for event in self.events], dtype=np.bool_)


class JoinKind(enum.StrEnum):
    """What a label did to its prediction."""

    JOINED = "joined"
    AMENDED = "amended"


class KeptScores(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The largest of very many scores, and what is known of the others: their sum, their number, and the lowest of them."""

    largest: dict[str, float]
    rest: float
    others: int
    lowest: float


class JoinedEvent(msgspec.Struct, frozen=True, gc=False):
    """A prediction with its label. For an amendment ``previous_label`` and ``previous_weight`` are what it replaces.

    A struct and not a dataclass: one is made per label, and a frozen dataclass of this size costs a microsecond.
    """

    kind: JoinKind
    prediction: float | int | str | bool | None
    #: Probability of the positive class, or class -> probability; of very many classes the largest.
    scores: dict[str, float] | KeptScores | float | None
    label: Label
    weight: float
    predicted_ms: int
    labelled_ms: int
    tags: dict[str, str]
    previous_label: Label | None = None
    previous_weight: float = 1.0


@dataclass(frozen=True)
class JoinedBatch:
    """Joined events of one (model, version, variant) in the order in which their labels were learned; never empty."""

    events: list[JoinedEvent]
    now_ms: int

    def __len__(self) -> int:
        return len(self.events)
