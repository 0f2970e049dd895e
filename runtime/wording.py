"""Numbers as people write them, for the sentence of a condition.

Two different numbers of one sentence never look equal ("rose from 100.0 % to 100.0 %"): ``pair`` and ``went`` add digits until
they differ. A residue of rounding is "nearly 0", not "1.95e-46".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

#: Digits shown when nothing forces more, and those that tell any two floats apart.
_DIGITS = 3
_MOST_DIGITS = 17
#: Below this a number is what rounding left of 0.
_RESIDUE = 1e-12
#: Beyond this many decimals of a percentage a reader counts zeros.
_MOST_DECIMALS = 6

#: A year, and how much less than one is still called one.
_YEAR_MS = 365.25 * 86_400_000
_YEAR_SLACK_MS = 2 * 86_400_000

_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?(?:e[+-][0-9]+)?")

#: Shows a number with so many digits more than usual.
Show = Callable[[float, int], str]


def percent(share: float, more: int = 0) -> str:
    """0.0412 -> "4.1 %"; small shares, and shares near all, keep a digit that says something (0.0004 -> "0.04 %").

    Args:
        share: 0 to 1.
        more: decimals beyond the usual.
    """
    value = 100 * share
    # Of what is left to 100 % where that is less: 99.96 % are not 100.0 %.
    small = min(abs(value), abs(100 - value))
    decimals = 1 if small >= 0.1 or small == 0 else 2 if small >= 0.01 else 3
    decimals += more
    if 0 < value < 0.5 * 10.0**-decimals and decimals <= _MOST_DECIMALS:
        return f"less than {10.0**-decimals:.{decimals}f} %"
    if 0 < 100 - value < 0.5 * 10.0**-decimals and decimals <= _MOST_DECIMALS:
        return f"more than {100 - 10.0**-decimals:.{decimals}f} %"
    return f"{value:.{decimals}f} %"


def count(number: float, noun: str) -> str:
    """1024, "events" -> "1,024 events"; 1 -> "1 event"."""
    whole = round(number)
    return f"{whole:,} {noun[:-1] if whole == 1 and noun.endswith('s') else noun}"


def quantity(value: float, more: int = 0) -> str:
    """A value of unknown unit, three significant digits: 1234.5 -> "1,230", 0.012345 -> "0.0123", 3e20 -> "3e+20".

    Args:
        value: the value.
        more: digits beyond three.
    """
    digits = _DIGITS + more
    if abs(value) < _RESIDUE:
        return "nearly 0" if value else "0"
    rounded = float(f"{value:.{digits}g}")
    if not 1e-4 <= abs(rounded) < 1e15:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def milliseconds(value: float, more: int = 0) -> str:
    """A duration: 0.35 -> "0.35 ms", 340 -> "340 ms", 12400 -> "12.4 s"."""
    digits = _DIGITS + more
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.15g} ms" if rounded < 10_000 else f"{float(f'{rounded / 1000:.{digits}g}'):.15g} s"


def pair(before: float, now: float, show: Show) -> tuple[str, str]:
    """Two numbers, with as many digits as it takes to tell them apart.

    >>> pair(0.9998, 1.0, percent), pair(20261118.0, 20261119.0, quantity)
    (('99.98 %', '100.0 %'), ('20,261,118', '20,261,119'))
    """
    for more in range(_MOST_DIGITS - _DIGITS + 1):
        left, right = show(before, more), show(now, more)
        if before == now or not _alike(left, right):
            return left, right
    return show(before, 0), f"a little {'more' if now > before else 'less'}"


def _alike(left: str, right: str) -> bool:
    """Whether both texts say the same number: 0.1 % is 0.10 %."""
    return left == right or _read(left) == _read(right)


def _read(text: str) -> tuple[str, float]:
    number = _NUMBER.search(text)
    return (_NUMBER.sub("", text), float(number[0].replace(",", ""))) if number else (text, 0.0)


def went(before: float, now: float, show: Show) -> str:
    """How a number moved: "rose from 4.1 % to 9.8 %"."""
    if before == now:
        return f"is {show(now, 0)}"
    left, right = pair(before, now, show)
    return f"{'rose' if now > before else 'fell'} from {left} to {right}"


def duration(ms: float) -> str:
    """A span of time: 42_000 -> "42 s", 90_000 -> "1 min 30 s", 7_200_000 -> "2 h", 63_072_000_000 -> "2 years"."""
    years = round(ms / _YEAR_MS)
    if ms >= _YEAR_MS - _YEAR_SLACK_MS and years:
        # Days of a year or more would be counted by the reader.
        return f"{years:,} {'year' if years == 1 else 'years'}"
    seconds = round(ms / 1000)
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, seconds = divmod(seconds, size)
        if whole:
            parts.append(f"{whole} {unit}")
    return " ".join(parts[:2]) or "0 s"
