"""Leader epochs: in whose time as the leader of its partition the records that were read had been written.

Kafka gives each leader of a partition a number, larger than the one before. Whoever knows the numbers of what it has read can
ask whether the log still holds that (KIP-320).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: The offset of the first record of a stretch, and the epoch of all its records.
Span = tuple[int, int]

#: Stretches kept of one partition; of older ones nobody asks.
MOST: Final = 8


class Epochs:
    """The latest stretches of one partition's records, each of one epoch, in the order of their offsets.

    >>> epochs = Epochs([(0, 1), (70, 4)])
    >>> epochs.of(70), epochs.of(71), epochs.latest
    (1, 4, 4)
    >>> epochs.end_of(1), epochs.before(70)
    (70, [(0, 1)])
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans = list(spans)

    @property
    def latest(self) -> int | None:
        """The epoch of the last record; None: not known."""
        return self._spans[-1][1] if self._spans else None

    def note(self, start: int, epoch: int) -> None:
        """The records from offset ``start`` on are of this epoch; what was noted from there on is no longer so."""
        spans = self._spans
        while spans and spans[-1][0] >= start:
            spans.pop()
        if not spans or spans[-1][1] != epoch:
            spans.append((start, epoch))
            del spans[:-MOST]

    def forget_from(self, offset: int) -> None:
        """Records from this offset on have not been read."""
        self._spans = self.before(offset)

    def of(self, offset: int) -> int | None:
        """The epoch of the last record before an offset; None: not known."""
        before = self.before(offset)
        return before[-1][1] if before else None

    def before(self, offset: int) -> list[Span]:
        """The stretches that begin before an offset."""
        return [span for span in self._spans if span[0] < offset]

    def between(self, first: int, last: int) -> list[Span]:
        """The stretches of the records from ``first`` to ``last``."""
        before = self.before(last + 1)
        return [span for at, span in enumerate(before) if at + 1 == len(before) or before[at + 1][0] > first]

    def end_of(self, epoch: int) -> int | None:
        """Where the first record of a later epoch was read; None where there is none."""
        return next((start for start, later in self._spans if later > epoch), None)


__all__ = ["MOST", "Epochs", "Span"]
