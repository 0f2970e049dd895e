"""The demo's data: readings of the sensors of a space shuttle (UCI Statlog, as shipped inside River), in seeded order.

49,097 readings of nine sensors, 7 % of them anomalies. The order is shuffled once, so that the quiet part of the story is
quiet for a reason: every stretch of it comes from the same distribution. One column is ours: ``mode``, the band in which
sensor f9 reads, as a text, since the data set has no category and upstream services like to rename those.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

FeatureValue = float | int | str
Features = dict[str, FeatureValue]

NORMAL = "normal"
ANOMALY = "anomaly"


@dataclass(frozen=True, slots=True)
class Reading:
    """One row: what the sensors said, and the truth that is learned later."""

    features: Features
    label: str


def readings(seed: int) -> Iterator[Reading]:
    """All readings in an order given by ``seed``, and again in the same order when they are used up."""
    from river import datasets

    rows = [_reading(values, anomaly) for values, anomaly in datasets.Shuttle()]
    random.Random(seed).shuffle(rows)  # noqa: S311 - an order, not a secret
    while True:
        yield from rows


def mode(f9: int) -> str:
    """The band of sensor f9: about 41 % of the readings are idle, 34 % low, 25 % high."""
    if f9 <= 0:
        return "idle"
    return "low" if f9 < 8 else "high"


def _reading(values: dict[str, int], anomaly: int) -> Reading:
    return Reading({**values, "mode": mode(values["f9"])}, ANOMALY if anomaly else NORMAL)
