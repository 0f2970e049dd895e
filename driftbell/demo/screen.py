"""What the demo prints. On a terminal: colours, and a status line that is rewritten. Elsewhere: plain lines."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

#: Seconds between two status lines where they cannot be rewritten.
LOG_INTERVAL = 3.0

_WIDTH = 110
#: How much of a page's sentence is repeated when it is closed.
_SHORT = 60

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

    def say(self, text: str = "") -> None:
        """A plain line or several."""
        self._line(text)

    def chapter(self, title: str, story: str, expected: str) -> None:
        """The head of a phase."""
        self._line()
        self._line(f"{self._clock()} {self._in(_BOLD, title)}")
        self._line(textwrap.indent(story, "        "))
        self._line(f"        {self._in(_DIM, f'expected: {expected}')}")
        self._next_status = self._now() + (0.0 if self._terminal else LOG_INTERVAL)

    def opened(self, channel: str, text: str) -> None:
        """A page arrived."""
        self._page(self._in(_RED, "PAGE  "), channel, text)

    def closed(self, channel: str, text: str, seconds: float) -> None:
        """A page was closed that had been open for so long."""
        self._page(
            self._in(_GREEN, "CLOSED"),
            channel,
            f"after {seconds:.1f} s: {short(text)}",
        )

    def warn(self, text: str) -> None:
        """Something the user should know."""
        self._line(f"{self._clock()} {self._in(_YELLOW, 'note')}    {text}")

    def status(self, text: str) -> None:
        """How things go."""
        if self._terminal:
            self._stream.write(f"\r\x1b[K{self._in(_DIM, f'        {text}'[:_WIDTH])}")
            self._stream.flush()
            self._status_shown = True
        elif self._now() >= self._next_status:
            self._next_status = self._now() + LOG_INTERVAL
            self._line(f"{self._clock()} {text}")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns, the first to the left and the others to the right."""
        cells = [list(head), *(list(row) for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        for number, row in enumerate(cells):
            text = "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self._line(f"  {self._in(_BOLD, text) if number == 0 else text}")

    def clear(self) -> None:
        """Take the status line away."""
        if self._status_shown:
            self._stream.write("\r\x1b[K")
            self._status_shown = False

    def _page(self, mark: str, channel: str, text: str) -> None:
        first, *rest = textwrap.wrap(text, _WIDTH - 28) or [""]
        self._line(f"{self._clock()} {mark}  {channel:<10} {first}")
        for line in rest:
            self._line(f"{'':27}{line}")

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
