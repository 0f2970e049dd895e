"""What the demo prints. On a terminal: colours, and a status line that is rewritten. Elsewhere: plain lines."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable
from typing import TextIO

#: Seconds between two status lines where they cannot be rewritten.
LOG_INTERVAL = 3.0

#: Longest line; shorter where the terminal is narrower.
_WIDTH = 110
#: Where the text of a page begins: after the clock, the mark and the channel.
_TEXT = 28
#: How much of a page's sentence is repeated when it is closed.
_SHORT = 60

#: Columns left to a text, however narrow the terminal is.
_NARROWEST = 20

_RED, _GREEN, _YELLOW, _BOLD, _DIM, _RESET = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"


class Screen:
    """Writes the story. ``status`` may be called often; it decides itself what of it is shown."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._terminal = stream.isatty()
        self._started = now()
        self._next_status = 0.0
        self._status_shown = False

    @property
    def width(self) -> int:
        """Columns there are. Asked each time: people resize their windows."""
        return min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns) if self._terminal else _WIDTH

    def say(self, text: str = "") -> None:
        """A plain line or several; what is too long for the terminal is continued below, as far in."""
        for line in text.split("\n"):
            for part in _wrapped(line, self.width):
                self._line(part)

    def chapter(self, title: str, story: str, expected: str) -> None:
        """The head of a phase."""
        self._line()
        self._line(f"{self._clock()} {self._in(_BOLD, title)}")
        self.say(textwrap.indent(story, "        "))
        for part in _wrapped(f"        expected: {expected}", self.width):
            self._line(self._in(_DIM, part))
        self._next_status = self._now() + (0.0 if self._terminal else LOG_INTERVAL)

    def opened(self, channel: str, text: str) -> None:
        """A page arrived."""
        self._page(self._in(_RED, "PAGE  "), channel, text)

    def changed(self, channel: str, text: str) -> None:
        """A page that is open says something new."""
        self._page(self._in(_YELLOW, "UPDATE"), channel, text)

    def closed(self, channel: str, text: str, seconds: float) -> None:
        """A page was closed that had been open for so long."""
        self._page(
            self._in(_GREEN, "CLOSED"),
            channel,
            f"after {seconds:.1f} s: {short(text)}",
        )

    def warn(self, text: str) -> None:
        """Something the user should know."""
        self._page(self._in(_YELLOW, "note  "), "", text)

    def status(self, text: str) -> None:
        """How things go."""
        if self._terminal:
            self._stream.write(f"\r\x1b[K{self._in(_DIM, f'        {text}'[: self.width - 1])}")
            self._stream.flush()
            self._status_shown = True
        elif self._now() >= self._next_status:
            self._next_status = self._now() + LOG_INTERVAL
            self._line(f"{self._clock()} {text}")

    def clear(self) -> None:
        """Take the status line away."""
        if self._status_shown:
            self._stream.write("\r\x1b[K")
            self._status_shown = False

    def _page(self, mark: str, channel: str, text: str) -> None:
        first, *rest = textwrap.wrap(text, max(self.width - _TEXT, _NARROWEST), break_long_words=False) or [""]
        self._line(f"{self._clock()} {mark}  {channel:<10} {first}".rstrip())
        for line in rest:
            self._line(f"{'':{_TEXT - 1}}{line}")

    def _line(self, text: str = "") -> None:
        self.clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _clock(self) -> str:
        return f"{self._now() - self._started:6.1f}s"

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._terminal else text


def short(text: str) -> str:
    """The beginning of a page's sentence, for when it was told in full before."""
    return textwrap.shorten(text, _SHORT, placeholder=" ...")


def _wrapped(line: str, width: int) -> list[str]:
    """The line in parts of at most ``width`` columns, cut between words, each as far in as the first."""
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line.strip(),
        max(width, len(indent) + _NARROWEST),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
