"""Quiet: lets a kind of log message through once per interval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


class OncePerInterval(logging.Filter):
    """Passes the first record of each kind and then one per ``seconds``. librdkafka's first argument names the kind."""

    #: Kinds remembered; librdkafka has a few dozen.
    _MOST = 256

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is let through."""
        kind = str(record.args[0]) if isinstance(record.args, tuple) and record.args else str(record.msg)
        now = self._clock()
        if now - self._passed.get(kind, float("-inf")) < self._seconds:
            return False
        if len(self._passed) >= self._MOST:
            self._passed.clear()
        self._passed[kind] = now
        return True
