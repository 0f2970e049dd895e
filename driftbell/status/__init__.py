"""The fleet as it is now: workers, partitions, lag, checkpoints."""

from __future__ import annotations

from driftbell.status.fleet import Fleet, Owned
from driftbell.status.gather import gather, store_of
from driftbell.status.text import lines

__all__ = ["Fleet", "Owned", "gather", "lines", "store_of"]
