"""What was measured, in words: the numbers of an alert's evidence as a person says them; the method is named apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from driftbell.runtime.wording import Show, count, duration, milliseconds, pair, percent, quantity

#: The metric whose number is shown as a word, with the number in the method.
PSI: Final = "psi"

#: Population stability index: what the field takes for small and for large (Siddiqi 2006). Beyond 1 hardly anything is
#: where it was.
_SMALL, _LARGE, _HUGE = 0.1, 0.25, 1.0

#: Unit suffixes of metric names that are not spoken.
_UNITS: Final = ("_ms", "_seconds")


def strength(psi: float) -> str:
    """How strongly a distribution differs from its reference.

    >>> [strength(psi) for psi in (0.02, 0.2, 0.5, 8.53)]
    ['slightly', 'clearly', 'strongly', 'very strongly']
    """
    return "slightly" if psi < _SMALL else "clearly" if psi < _LARGE else "strongly" if psi < _HUGE else "very strongly"


def spoken(metric: str) -> str:
    """The name of a metric as it is said: latency_p95_ms -> "latency p95"."""
    for unit in _UNITS:
        metric = metric.removesuffix(unit)
    return metric.replace("_", " ")


def measured(
    metric: str,
    value: float,
    *,
    baseline: float | None = None,
    threshold: float | None = None,
    events: int | None = None,
    noun: str = "events",
) -> str:
    """One line: the value, over how much, what is usual and from where on it is an alarm.

    >>> measured("error_rate", 0.07, baseline=0.0046, threshold=0.0072, events=600, noun="labels")
    'Error rate 7.0 % over 600 labels; usually 0.46 %, alarm above 0.72 %'
    >>> measured("psi", 8.53, baseline=0.0, threshold=0.05, events=1024)
    'Values differ very strongly from the reference over 1,024 events'

    Args:
        metric: its field name, which ends with its unit: ``_rate`` (a share), ``_ms``, ``_seconds``.
        value: now.
        baseline: usually.
        threshold: the alarm's.
        events: that the value was computed over.
        noun: what they are, in the plural.
    """
    if metric == PSI:
        text = f"Values differ {strength(value)} from the reference"
        against = []
    else:
        show = _show(metric)
        text = f"{spoken(metric)} {show(value, 0)}"
        text = text[:1].upper() + text[1:]
        against = [] if baseline is None else [f"usually {show(baseline, 0)}"]
        if threshold is not None:
            side = "below" if value < threshold and (baseline is None or baseline > threshold) else "above"
            against.append(f"alarm {side} {show(threshold, 0)}")
    if events is not None:
        text += f" over {count(events, noun)}"
    return f"{text}; {', '.join(against)}" if against else text


def changed(metric: str, before: float | None, now: float) -> str:
    """How a metric moved, as short as a headline needs it.

    >>> changed("error_rate", 0.0046, 0.04), changed("latency_p95_ms", 80.0, 340.0), changed("absolute_error", 2.5, 4.0)
    ('error rate 0.5 -> 4.0 %', 'latency p95 80 -> 340 ms', 'absolute error 2.5 -> 4')
    >>> changed("latency_p95_ms", 950.0, 12400.0), changed("failure_rate", None, 0.12), changed("error_rate", 0.0, 0.0)
    ('latency p95 950 ms -> 12.4 s', 'failure rate 12.0 %', 'error rate 0.0 %')
    """
    show = percent if metric.endswith("_rate") else _show(metric)
    if before is None or before == now:
        return f"{spoken(metric)} {show(now, 0)}"
    left, right = pair(before, now, show)
    number, _, unit = left.rpartition(" ")
    if number and right.endswith(f" {unit}"):
        left = number
    return f"{spoken(metric)} {left} -> {right}"


def share(value: float) -> str:
    """A share in a headline: 0.536 -> "54 %", 0.031 -> "3.1 %"; what is not all is not called 100 %."""
    return f"{100 * value:.0f} %" if 0.0995 <= value < 0.995 or value == 1 else percent(value)


def psi_numbers(features: Iterable[tuple[str, float | None]], metric: str, value: float | None) -> str:
    """The numbers behind the words, each with its feature where there is one; empty where none is known.

    >>> psi_numbers([("amount", 0.412), ("country", None)], "error_rate", 0.07)
    'amount 0.41'
    >>> psi_numbers([], "psi", 8.53), psi_numbers([("f7", 8.53)], "psi", 8.53), psi_numbers([("f7", 8.53)], "psi", 0.2)
    ('8.53', 'f7 8.53', '0.20, f7 8.53')
    """
    known = [(feature, psi) for feature, psi in features if psi is not None]
    parts = [f"{feature} {psi:.2f}" for feature, psi in known]
    # Of an alert about one feature, the feature's is the same number.
    if metric == PSI and value is not None and all(psi != value for _, psi in known):
        parts.insert(0, f"{value:.2f}")
    return ", ".join(parts)


def _show(metric: str) -> Show:
    if metric.endswith("_rate"):
        return _share
    if metric.endswith("_ms"):
        return milliseconds
    if metric.endswith("_seconds"):
        return _seconds
    return quantity


def _share(value: float, more: int = 0) -> str:
    # Of less than a percent, or more than 99, two digits say something.
    small = min(abs(value), abs(1 - value))
    return percent(value, more + (1 if 0 < small < 0.00999 else 0))


def _seconds(value: float, more: int = 0) -> str:
    return duration(1000 * value) if math.isfinite(value) and value >= 1 else f"{quantity(value, more)} s"
