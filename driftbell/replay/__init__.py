"""Looking back: what would have paged."""

from __future__ import annotations

from driftbell.replay.report import Episode, Report
from driftbell.replay.text import lines

__all__ = ["Episode", "Report", "lines"]
