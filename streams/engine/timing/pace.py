"""Pace: how often checkpoints are taken, so that encoding them leaves time for the events, and none comes too late."""

from __future__ import annotations

from typing import Final

from driftbell.streams.engine.timing.clock import Clock

#: Encoding the checkpoints of all partitions of a worker may take this share of the time; costlier ones are rarer ...
SHARE: Final = 0.08
#: ... but at least this often, in seconds: what is not saved is done again after a crash, and the rule DriftbellCheckpointOld
#: must be silent about a worker that is only busy ...
LATEST_SECONDS: Final = 10.0
#: ... unless they would take more than this share, which is also what an alert that waits for its save may have.
MOST_SHARE: Final = 0.25

#: What a partition's last checkpoint took counts for so long: one that idles takes none.
_COUNTED_SECONDS: Final = 60.0


class Pace:
    """Shared by the partitions of a worker, as one core encodes for all of them.

    >>> class Still:
    ...     def monotonic(self):
    ...         return 0.0
    >>> pace = Pace(Still())
    >>> pace.due_in(0, 1.0)
    0.0
    >>> pace.took(0, 0.05), pace.took(1, 0.11)
    (None, None)
    >>> round(pace.due_in(0, 1.0), 3), round(pace.due_in(0, 1.0, alerts=True), 3)
    (2.0, 0.64)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: By partition: seconds that its last checkpoint took, and when that was.
        self._last: dict[int, tuple[float, float]] = {}

    def took(self, partition: int, seconds: float) -> None:
        """A checkpoint has been encoded."""
        self._last[partition] = seconds, self._clock.monotonic()

    def due_in(self, partition: int, interval: float, *, alerts: bool = False) -> float:
        """Seconds until the partition's next checkpoint; 0 or less: now.

        Args:
            interval: what is configured between two.
            alerts: whether alerts wait for it to be published.
        """
        if partition not in self._last:
            return 0.0
        now = self._clock.monotonic()
        together = sum(cost for cost, at in self._last.values() if at >= now - _COUNTED_SECONDS)
        least = together / MOST_SHARE
        pause = least if alerts else max(interval, least, min(together / SHARE, LATEST_SECONDS))
        return self._last[partition][1] + pause - now
