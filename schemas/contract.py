"""What the reader of an input must know of its contract beside the struct: which fields there are, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from driftbell.schemas.feedback import Feedback
from driftbell.schemas.prediction import Prediction

T = TypeVar("T", bound=Prediction | Feedback)


@dataclass(frozen=True, slots=True)
class Contract(Generic[T]):
    """One input."""

    event: type[T]
    #: All fields, and those without which there is no event.
    fields: frozenset[str]
    required: frozenset[str]
    #: Fields that name something.
    identifiers: tuple[str, ...]
    #: These and further fields in which a whole number is read as text.
    texts: tuple[str, ...]


def _contract(event: type[T], identifiers: tuple[str, ...], texts: tuple[str, ...] = ()) -> Contract[T]:
    fields = msgspec.structs.fields(event)
    names, required = {field.name for field in fields}, {field.name for field in fields if field.required}
    return Contract(event, frozenset(names), frozenset(required), identifiers, identifiers + texts)


PREDICTION = _contract(Prediction, ("prediction_id", "model", "version", "variant"), ("request_id",))
FEEDBACK = _contract(Feedback, ("prediction_id", "model"))
