"""Times as people type them: an age (``10m``), a moment (``2026-11-24T14:02:00Z``), the beginning or the end. Pure."""

from __future__ import annotations

from driftbell.runtime.config.duration import parse_duration
from driftbell.schemas import to_epoch_ms
from driftbell.tail.follow import Start


def moment_of(text: str, now_ms: int) -> Start | int:
    """What ``--since`` and ``--at`` mean: a start, or epoch milliseconds.

    Raises:
        ValueError: none of these; the message says what may be written.
    """
    if text in (Start.END, Start.BEGINNING):
        return Start(text)
    if "T" in text or "-" in text:
        return to_epoch_ms(text if text.count("-") >= 2 else "")
    return now_ms - round(parse_duration(text) * 1000)
