"""A limit for libraries that repeat themselves: without a broker, aiokafka writes the same line a hundred times a second."""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

#: The most often that a library's line is shown, in seconds.
REPEAT_SECONDS = 60.0

#: Lines that are remembered; those shown longest ago make room, as a library may build its lines before it logs them.
_MOST_LINES = 256

#: Longest template that is remembered in full, in characters.
_LONGEST_TEMPLATE = 200

#: A template that is nothing but places for arguments says nothing of what it is about.
_NO_WORDS = re.compile(r"(%[a-z]|\W)*")


class RepeatFilter(logging.Filter):
    """Lets one line of a template through in ``REPEAT_SECONDS``, with ``suppressed``, the number of those left out before it.

    The template is the message before its arguments are filled in, so lines that differ by a number are the same; one without
    words (``"%s"``) is taken with its arguments. Belongs on a handler: filters of a logger do not see what its children log.

    Args:
        names: the loggers that are limited, with their children. All others pass.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, names: Iterable[str], now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._names = frozenset(names)
        self._now = now
        #: Template -> when it was shown last, and how many have been left out since.
        self._shown: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        if record.name.partition(".")[0] not in self._names:
            return True
        message = str(record.msg)
        if _NO_WORDS.fullmatch(message):
            message = record.getMessage()
        template = (record.name, record.levelno, message[:_LONGEST_TEMPLATE])
        now = self._now()
        shown_at, suppressed = self._shown.pop(template, (-REPEAT_SECONDS, 0))
        if now - shown_at < REPEAT_SECONDS:
            self._shown[template] = shown_at, suppressed + 1
            return False
        self._shown[template] = now, 0
        if len(self._shown) > _MOST_LINES:
            self._shown.popitem(last=False)
        if suppressed:
            record.suppressed = suppressed
        return True


__all__ = ["REPEAT_SECONDS", "RepeatFilter"]
