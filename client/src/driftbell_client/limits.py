"""How much one event may hold: the client's own copy of the numbers in driftbell's contract (docs/contracts.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized

from driftbell_client.plain import Plain
from driftbell_client.refused import Refused
from driftbell_client.stats import DropReason

MAX_TEXT = 1024
MAX_WEIGHT = 1e6
MAX_LATENCY_MS = 1e9
MAX_ENTRIES = 10_000
MAX_TAGS = 100
MAX_DIMENSIONS = 65_536


def within(value: float, most: float, where: str) -> float:
    """``value`` if it lies between 0 and ``most``.

    Raises:
        Refused: it does not.
    """
    if not 0 <= value <= most:
        raise Refused(DropReason.OUT_OF_RANGE, f"{where} is {value}, outside of 0 to {most:,.0f}")
    return value


def entries(values: Sized, most: int, where: str) -> None:
    """Check the number of entries.

    Raises:
        Refused: there are more than ``most``.
    """
    if len(values) > most:
        raise Refused(DropReason.TOO_MANY_ENTRIES, f"{len(values):,} {where}, the limit is {most:,}")


def names(values: Mapping[str, object], most: int, where: str) -> None:
    """Check the number of entries and the length of their names.

    Raises:
        Refused: one is above its limit.
    """
    entries(values, most, where)
    texts(values, f"a name of the {where}")


def texts(values: Iterable[str], where: str) -> None:
    """Check the length of every text.

    Raises:
        Refused: one is too long.
    """
    longest = max(map(len, values), default=0)
    if longest > MAX_TEXT:
        raise Refused(DropReason.TEXT_TOO_LONG, f"{where} has {longest:,} characters, the limit is {MAX_TEXT:,}")


def answer(value: Plain, where: str) -> Plain:
    """A prediction or label; text has a limit.

    Raises:
        Refused: it is longer.
    """
    if type(value) is str:
        texts((value,), where)
    return value
