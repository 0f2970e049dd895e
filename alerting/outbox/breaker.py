"""A destination that fails again and again is asked by one delivery at a time, until it answers."""

from __future__ import annotations

from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason

#: Failures in a row after which a destination counts as dead.
OPENS_AFTER = 5

#: Between two probes; doubled with each that fails.
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 60_000

#: What says nothing of the destination: it works, and refuses this message or asks for time.
_ITS_OWN = {OutcomeReason.CONTENT_REJECTED, OutcomeReason.RATE_LIMITED, OutcomeReason.CHANNEL_BUG}


class Breaker:
    """Of one destination. Pure: the caller brings the time, and says when an attempt begins and ends."""

    def __init__(self) -> None:
        self.failures = 0
        self._failed = False
        self._on_their_way = 0
        self._probe_ms = 0

    @property
    def is_open(self) -> bool:
        """Whether the destination counts as dead."""
        return self.failures >= OPENS_AFTER

    def wait_ms(self, now_ms: int, *, fresh: bool) -> int | None:
        """Milliseconds until a delivery may be tried; 0: now. None: when the one that is on its way has ended.

        Args:
            now_ms: the router's clock.
            fresh: somebody must be woken, and it was never tried: it waits for no pause.
        """
        if not self.is_open:
            return 0
        if self._on_their_way:
            return None
        return 0 if fresh else max(0, self._probe_ms - now_ms)

    def begin(self) -> None:
        """An attempt is made."""
        self._on_their_way += 1

    def end(self, outcome: Outcome | None, now_ms: int) -> bool:
        """An attempt has ended; None: it was not made. Returns whether it is the first success after something failed."""
        self._on_their_way -= 1
        if outcome is None:
            return False
        if outcome.ok:
            recovered, self._failed, self.failures = self._failed, False, 0
            return recovered
        self._failed = True
        if outcome.reason in _ITS_OWN:
            return False
        self.failures += 1
        over = min(max(0, self.failures - OPENS_AFTER), 20)
        self._probe_ms = now_ms + min(FIRST_PAUSE_MS * 2**over, LONGEST_PAUSE_MS)
        return False
