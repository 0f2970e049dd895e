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


class _Fuse:
    """What the environment asks for: the point, and how often it may still be reached."""

    def __init__(self, text: str) -> None:
        name, _, nth = text.partition(":")
        self.point = CrashPoint(name) if name else None
        self.left = int(nth or 1)


_fuse = _Fuse(os.environ.get("DRIFTBELL_CRASH_AT", ""))


def reach(point: CrashPoint) -> None:
    """Die here, if that is what the environment asks for."""
    if point is not _fuse.point:
        return
    _fuse.left -= 1
    if _fuse.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
