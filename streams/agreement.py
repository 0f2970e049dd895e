"""Whether a prediction and its label say the same, and whether a model classifies or measures."""

from __future__ import annotations

import enum
from typing import Any


class Task(enum.StrEnum):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def is_number(value: Any) -> bool:
    """Integers and floats; booleans are answers, not quantities."""
    return type(value) is int or type(value) is float


def agrees(prediction: Any, label: Any) -> bool:
    """Whether both name the same class: numbers by value, else by JSON text (1 agrees with "1", true with "true").

    >>> agrees(1, "1"), agrees(1.0, 1), agrees(True, "true"), agrees(True, 1)
    (True, True, True, False)
    """
    if is_number(prediction) and is_number(label):
        return bool(prediction == label)
    return _text(prediction) == _text(label)


def _text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return str(value)
