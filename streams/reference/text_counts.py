"""Counts texts in bounded memory, and chooses which categories are compared without looking twice at the same counts."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Slots into which every text falls by its hash, whatever its count: rare texts are compared in groups of slots. Divisible by
#: all sizes of ``_GROUPS``.
SLOTS = 60
_GROUPS = (15, 12, 10, 6, 5, 4, 3, 2, 1)
#: A category is compared by itself if it is frequent beyond doubt: so many standard errors above the next one.
_CERTAIN = 4.0


def text_hash(text: str) -> int:
    """A stable hash, the same in every process."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def slot_counts(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """How many texts fall into each slot, shape (SLOTS,)."""
    counts = np.zeros(SLOTS, np.int64)
    for text, count in Counter(texts).items():
        counts[text_hash(text) % SLOTS] += count
    return counts


def certain(counts: Sequence[int], most: int, *, complete: bool) -> int:
    """How many of the most frequent categories are compared one by one.

    The most frequent of many equally frequent categories are so by luck, and will be less frequent from now on: to compare
    them with the counts that they were chosen by is a change that nobody made. So the cut is made where the gap is too large
    for luck. All are taken where there is nothing to choose.

    Args:
        counts: of all categories, largest first.
        most: at most so many.
        complete: whether ``counts`` are all categories that there are.
    """
    if complete and len(counts) <= most:
        return len(counts)
    for cut in range(min(most, len(counts) - 1), 0, -1):
        above, below = counts[cut - 1], counts[cut]
        if above - below >= _CERTAIN * math.sqrt(above + below):
            return cut
    return 0


def groups_for(places: int) -> int:
    """Into how many groups the rest is divided, at most ``places``."""
    return next(size for size in _GROUPS if size <= max(places, 1))


def grouped(
    slots: npt.NDArray[np.int64], names: Sequence[str], counts: Sequence[int], groups: int
) -> npt.NDArray[np.int64]:
    """Events per group without those of ``names``, which are compared by themselves; shape (groups,)."""
    rest = slots.copy()
    for name, count in zip(names, counts, strict=True):
        rest[text_hash(name) % SLOTS] -= count
    return np.asarray(np.maximum(rest, 0).reshape(-1, groups).sum(axis=0), np.int64)
