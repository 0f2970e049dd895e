"""Looking back: what would have paged."""

from __future__ import annotations

from driftbell.replay.report import Episode, Report, Row, Watched
from driftbell.replay.text import Looks, lines, watched_anything

__all__ = ["Episode", "Looks", "Report", "Row", "Watched", "lines", "watched_anything"]
