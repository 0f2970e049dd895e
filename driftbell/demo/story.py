"""The demo's story as data: what happens upstream, in which order, and what on-call people should see."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from driftbell.demo.data import Features

#: What the deployment upstream did: this sensor is now sent in thousandths of its unit...
CHANGED_SENSOR = "f7"
SCALE = 1000
#: ...and this category in capitals.
RENAMED_CATEGORY = "mode"


class Phase(enum.StrEnum):
    """The chapters."""

    QUIET = "quiet"
    BROKEN = "broken"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A phase as it is told. ``patience`` is the seconds after which what is expected is given up."""

    phase: Phase
    title: str
    story: str
    expected: str
    patience: float


CHAPTERS = (
    Chapter(
        Phase.QUIET,
        "Quiet traffic",
        "A model classifies sensor readings and learns from the labels, which come a few seconds later.\n"
        "driftbell knows nothing about it and learns what is normal from the first events.",
        "no page",
        patience=20,
    ),
    Chapter(
        Phase.BROKEN,
        "Somebody deploys upstream",
        f"Sensor {CHANGED_SENSOR} now arrives in another unit (x {SCALE:,}), and the categories of "
        f"`{RENAMED_CATEGORY}` in capitals.\nThe model answers as if nothing had happened.",
        "one page about the data within seconds; it says what that did to the accuracy once the labels come",
        patience=25,
    ),
    Chapter(
        Phase.FIXED,
        "The fix is deployed",
        "The readings are as before.",
        "the page closed on every channel",
        patience=25,
    ),
)


def upstream(phase: Phase, features: Features) -> Features:
    """The reading as the model receives it in this phase."""
    if phase is not Phase.BROKEN:
        return features
    changed = dict(features)
    value = changed[CHANGED_SENSOR]
    assert not isinstance(value, str)
    changed[CHANGED_SENSOR] = value * SCALE
    changed[RENAMED_CATEGORY] = str(changed[RENAMED_CATEGORY]).upper()
    return changed
