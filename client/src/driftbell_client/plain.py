"""Plain values: what JSON can say of the objects in a data scientist's code. numpy and pandas are not imported."""

from __future__ import annotations

import enum
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from uuid import UUID

from driftbell_client.refused import Refused
from driftbell_client.stats import DropReason

Plain = float | int | str | bool | None

_EXACT = frozenset({float, int, str, bool, type(None)})
#: pandas says "missing" with objects of these types; NaN is a float and needs no mention.
_MISSING = frozenset({"NAType", "NaTType"})
_LARGEST = int(sys.float_info.max)
_MAX_IDENTIFIER = 256


def plain(value: object, where: str) -> Plain:
    """``value`` as number, text, boolean or None. NaN, infinities and pandas' NA become None: missing.

    Raises:
        Refused: there is no such value; the detail names ``where``.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return cast("Plain", value)
    if kind is float:
        return value if math.isfinite(value) else None  # type: ignore[arg-type, return-value]
    if kind is int:
        return value if -_LARGEST <= value <= _LARGEST else None  # type: ignore[operator, return-value]
    return _from_object(value, where)


def _from_object(value: object, where: str) -> Plain:
    # numpy's scalars first: they are what models hold.
    item = getattr(value, "item", None)
    if callable(item):
        return _from_array_scalar(value, item, where)
    if isinstance(value, enum.Enum):
        return plain(value.value, where)
    for base in (str, float, int):
        if isinstance(value, base):
            return plain(base(value), where)
    if isinstance(value, Decimal | Fraction):
        return plain(_to_float(value), where)
    if isinstance(value, UUID):
        return str(value)
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise _not_plain(value, where)


def _from_array_scalar(value: object, item: Callable[[], object], where: str) -> Plain:
    """Scalars of numpy, torch and the like, and arrays of one element, as ``model.predict(x)`` returns them."""
    try:
        inner = item()
    except Exception as error:
        raise Refused(DropReason.NOT_ENCODABLE, f"{where}: {type(value).__name__}: {error}") from None
    if type(inner) in _EXACT:
        return plain(inner, where)
    raise _not_plain(value, where)


def _not_plain(value: object, where: str) -> Refused:
    return Refused(DropReason.NOT_ENCODABLE, f"{where}: a {type(value).__name__} is no number, text, boolean or null")


def _to_float(value: Decimal | Fraction) -> float:
    try:
        return float(value)
    except (OverflowError, ValueError):
        return math.nan


def features(values: Mapping[Any, object]) -> dict[str, Plain]:
    """A mapping of feature names to plain values; names become text."""
    if type(values) is dict:
        kinds = set(map(type, values.values()))
        # Nearly always: nothing to convert. The encoder writes NaN as null by itself.
        if kinds <= _EXACT and int not in kinds and set(map(type, values)) <= {str}:
            return cast("dict[str, Plain]", values)
    return {str(name): plain(value, f"feature {name!s}") for name, value in values.items()}


def numbers(values: Mapping[Any, object], where: str) -> dict[str, float]:
    """A mapping of names to finite numbers; entries that are missing or not finite are left out."""
    found = {str(name): number(value, f"{where} {name!s}") for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


def number(value: object, where: str) -> float | None:
    """A finite number, or None if it is missing, NaN or infinite."""
    result = plain(value, where)
    if isinstance(result, str):
        raise Refused(DropReason.NOT_ENCODABLE, f"{where}: text is no number")
    return None if result is None else float(result)


def vector(values: Iterable[object]) -> list[float]:
    """A list of finite numbers. One that holds NaN, infinities or gaps is empty: half a vector is of no use."""
    # A method of numpy's and torch's arrays, much faster than asking every element.
    tolist = getattr(values, "tolist", None)
    found = [number(value, "embedding") for value in (tolist() if callable(tolist) else values)]
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else []


def tags(values: Mapping[Any, object]) -> dict[str, str]:
    """A mapping of names to text; what is missing is left out, true and 1 become ``"true"`` and ``"1"``."""
    found: dict[str, str] = {}
    for name, value in values.items():
        text = plain(value, f"tag {name!s}")
        if isinstance(text, bool):
            text = str(text).lower()
        if text is not None:
            found[str(name)] = str(text)
    return found


def identifier(value: object, where: str) -> str:
    """A name of 1 to 256 characters that are not all blank; integers and UUIDs become text."""
    text = value if type(value) is str else plain(value, where)
    if text is None or isinstance(text, bool | float):
        raise Refused(DropReason.BAD_IDENTIFIER, f"{where} is {text!r}, not text")
    text = str(text)
    if len(text) > _MAX_IDENTIFIER:
        raise Refused(DropReason.BAD_IDENTIFIER, f"{where} has {len(text)} characters, the limit is {_MAX_IDENTIFIER}")
    if text[:1] <= " " and not any(character > " " for character in text):
        raise Refused(DropReason.BAD_IDENTIFIER, f"{where} is blank")
    return text
