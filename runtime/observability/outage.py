"""What another system's absence looks like in the log: a line when it is away, with since when, and one when it is back."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Hashable

log = logging.getLogger(__name__)


class Outage:
    """The absence of one system, of which several users may tell: away with the first of them, back when all have an answer.

    Args:
        system: as people know it: ``Kafka``, ``Redis``.
        now: seconds of a clock that never goes back.
        wall_ms: epoch milliseconds.
    """

    def __init__(
        self,
        system: str,
        now: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = lambda: round(time.time() * 1000),
    ) -> None:
        self._system = system
        self._now = now
        self._wall_ms = wall_ms
        self._since: float | None = None
        self._without_answer: set[Hashable] = set()

    def away(self, user: Hashable = None, error: object = "no answer", *, seconds: float = 0.0) -> None:
        """``user`` has had no answer for ``seconds``."""
        self._without_answer.add(user)
        if self._since is not None:
            return
        self._since = self._now() - seconds
        since = dt.datetime.fromtimestamp(self._wall_ms() / 1000 - seconds, dt.UTC)
        moment = since.isoformat(timespec="seconds").replace("+00:00", "Z")
        log.warning("%s is away since %s", self._system, moment, extra={"system": self._system, "error": str(error)})

    def back(self, user: Hashable = None) -> None:
        """``user`` has an answer."""
        if self._since is None:
            return
        self._without_answer.discard(user)
        if not self._without_answer:
            seconds, self._since = self._now() - self._since, None
            log.info(
                "%s is back after %.0f s",
                self._system,
                seconds,
                extra={"system": self._system, "seconds": round(seconds, 1)},
            )

    def forget(self, user: Hashable = None) -> None:
        """``user`` asks no more, so that nobody waits for its answer."""
        self._without_answer.discard(user)


__all__ = ["Outage"]
