"""Past events in files: read, told apart, and merged by time for ``driftbell replay``. Formats: docs/cli.md."""

from __future__ import annotations

from driftbell.history.history import History
from driftbell.history.record import HistoryRecord, Skip, SkipReason, Source

__all__ = ["History", "HistoryRecord", "Skip", "SkipReason", "Source"]
