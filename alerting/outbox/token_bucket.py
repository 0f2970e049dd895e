"""A token bucket: how fast one destination may be sent messages."""

from __future__ import annotations


class TokenBucket:
    """``burst`` at once, then one token every ``1 / per_second`` seconds. Pure: the caller brings the time."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second = per_second
        self.burst = burst
        self._tokens = float(burst)
        self._at_ms: int | None = None

    def wait_ms(self, now_ms: int) -> int:
        """Milliseconds until a token is there; 0 when one is there now."""
        self._refill(now_ms)
        missing = 1 - self._tokens
        # Rounded up: a caller that comes back a fraction too early would spin.
        return 0 if missing <= 1e-9 else int(missing / self.per_second * 1000) + 1

    def take(self, now_ms: int) -> None:
        """Spend one token, also one that is not there yet (``wait_ms`` then grows)."""
        self._refill(now_ms)
        self._tokens -= 1

    def give_back(self) -> None:
        """Take one token less: what it was for was not sent."""
        self._tokens = min(self.burst, self._tokens + 1)

    def _refill(self, now_ms: int) -> None:
        if self._at_ms is not None and now_ms > self._at_ms:
            gained = (now_ms - self._at_ms) / 1000 * self.per_second
            self._tokens = min(self.burst, self._tokens + gained)
        self._at_ms = now_ms if self._at_ms is None else max(self._at_ms, now_ms)
