"""The one rule by which a prediction, a label and the key of a score name the same thing.

Services write one answer in many ways: a model answers ``true``, the label comes from a table as ``1``, the scores are keyed
``"1.0"``, a spreadsheet says ``"True"``. ``value_of`` reads what is meant, and everything that compares answers goes through
it: the label join (is this label news?), the error monitors, the windowed metrics, and the look-up of scores.

The rule:

- A boolean is the number 1 or 0.
- A text that says true or false, in any case, is that boolean.
- A text that is a number exactly as JSON encoders write it (``"1"``, ``"1.0"``, ``"-2.5"``) is that number.
- Numbers are equal by value: 1 is 1.0.
- All other texts are themselves: ``"007"``, ``"1.10"`` and ``"n/a"`` are no numbers.
"""

from __future__ import annotations

import enum
import math
import sys
from typing import Any

#: Texts that are booleans, in lower case.
_TRUTHS = {"true": 1, "false": 0}
#: Longer texts are not tried as numbers: no number that JSON writes by itself is as long.
_LONGEST_NUMBER = 40
_NUMBER_STARTS = frozenset("-0123456789")


class Task(enum.StrEnum):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def value_of(answer: Any) -> int | float | str:
    """What a prediction, a label or the key of a score means, by the rule above.

    >>> [value_of(answer) for answer in (True, "True", 1, 1.0, "1", "1.0")]
    [1, 1, 1, 1.0, 1, 1.0]
    >>> [value_of(answer) for answer in ("007", "1.10", "n/a")]
    ['007', '1.10', 'n/a']
    """
    kind = type(answer)
    if kind is str:
        return _value_of_text(answer)
    if kind is bool:
        return int(answer)
    if kind is int or kind is float:
        return answer  # type: ignore[no-any-return]
    return str(answer)


def _value_of_text(text: str) -> int | float | str:
    if text[:1] not in _NUMBER_STARTS:
        return _TRUTHS.get(text.lower(), text) if 4 <= len(text) <= 5 else text
    if len(text) > _LONGEST_NUMBER:
        return text
    try:
        whole = int(text)
        return whole if str(whole) == text else text
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if repr(number) == text and math.isfinite(number) else text


def agrees(prediction: Any, label: Any) -> bool:
    """Whether both mean the same.

    >>> agrees(True, 1), agrees("1.0", 1), agrees(1, 2)
    (True, True, False)
    """
    if type(prediction) is type(label) and prediction == label:
        return True
    return bool(value_of(prediction) == value_of(label))


def number_of(answer: Any) -> int | float | None:
    """The number that is meant, None where it is none: what regression measures.

    >>> number_of("12.5"), number_of(True), number_of("n/a")
    (12.5, 1, None)
    """
    value = value_of(answer)
    return None if type(value) is str else value  # type: ignore[return-value]


def float_of(number: float) -> float:
    """A number as a float; an integer that is too large for one becomes the largest."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def class_name(answer: Any) -> str:
    """The name of a class. Two answers have one name exactly where they agree.

    >>> [class_name(answer) for answer in (True, "1.0", 2.5, "cat")]
    ['1', '1', '2.5', 'cat']
    """
    value = value_of(answer)
    if type(value) is str:
        return value
    if type(value) is float:
        if not value.is_integer():
            return repr(value)
        value = int(value)
    try:
        return str(value)
    except ValueError:  # More digits than Python is willing to write in decimal.
        return hex(int(value))


def class_order(name: str) -> tuple[bool, float, str]:
    """Sort key for names of classes: numbers by value, then texts, as scikit-learn orders labels of either type.

    >>> sorted(["10", "9", "spam", "ham"], key=class_order)
    ['9', '10', 'ham', 'spam']
    """
    value = value_of(name)
    if type(value) is str:
        return True, 0.0, value
    try:
        return False, float(value), name
    except OverflowError:
        return False, math.inf if int(value) > 0 else -math.inf, name
