"""Alerts about moments end after seconds: a run cannot wait for the ten minutes for which they are shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from driftbell.runtime.config.model import MonitorSettings
from driftbell.streams.alerts import lifecycle
from driftbell.streams.partition.own_alerts import moment

#: In stream time: for how long such an alert is shown, and how long all must be well before it ends.
SHOWN_MS, KEEP_SECONDS = 3000, 1.0

#: What it takes in all, the ticks between included.
OVER_SECONDS = SHOWN_MS / 1000 + KEEP_SECONDS + 3.0


def hurry() -> None:
    """Shorten both in this process."""
    setattr(moment, "SHOWN_MS", SHOWN_MS)  # noqa: B010 - mypy would refuse a plain assignment
    setattr(lifecycle, "_DEFAULT", MonitorSettings(keep_firing_for=KEEP_SECONDS))  # noqa: B010


@contextmanager
def hurried(wanted: bool) -> Iterator[None]:
    """The same for the oracle, which runs in the process of the tests, and only while it is wanted."""
    before = moment.SHOWN_MS, lifecycle._DEFAULT
    if wanted:
        hurry()
    try:
        yield
    finally:
        setattr(moment, "SHOWN_MS", before[0])  # noqa: B010
        setattr(lifecycle, "_DEFAULT", before[1])  # noqa: B010


def hasty_environment() -> dict[str, str]:
    """The environment of a worker that does the same."""
    patch = Path(__file__).parent / "hasty"
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(patch), os.environ.get("PYTHONPATH"))))}
