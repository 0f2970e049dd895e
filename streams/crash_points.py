"""Named points at which a test may have the process die, as if the power had failed there.

``DRIFTBELL_CRASH_AT=saved:3`` kills the process (SIGKILL) the third time it reaches the point ``saved``. Unset, as always in
production, reaching a point costs one comparison.
"""

from __future__ import annotations

import enum
import os
import signal


class CrashPoint(enum.StrEnum):
    """The steps of a save, in order; each names the moment just after it."""

    PROCESSED = "processed"
    SNAPSHOT = "snapshot"
    DEAD_LETTERS_FLUSHED = "dead_letters_flushed"
    SAVED = "saved"
    PUBLISHED = "published"
    COMMITTED = "committed"
    CLAIMED = "claimed"


def _armed() -> tuple[CrashPoint | None, int]:
    name, _, nth = os.environ.get("DRIFTBELL_CRASH_AT", "").partition(":")
    return (CrashPoint(name), int(nth or 1)) if name else (None, 0)


_point, _left = _armed()


def reach(point: CrashPoint) -> None:
    """Die here, if that is what the environment asks for."""
    global _left
    if point is not _point:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
