"""How many different names there were, and the first few of them, in bounded memory."""

from __future__ import annotations

import zlib
from bisect import insort
from collections.abc import Sequence
from typing import Final

#: Names kept as examples, and how much of each: a name may have 256 characters.
_EXAMPLES: Final = 3
_LONGEST: Final = 60

#: Smallest hashes kept to estimate how many names there were (k minimum values, Bar-Yossef et al. 2002): off by about
#: 1 / sqrt(k), and exact below k. A set of the names would hold one for every request of a mistaken producer.
_HASHES: Final = 256
_HASH_RANGE: Final = 2**32


class NameCount:
    """Counts names of which a mistaken producer may make any number.

    >>> names = NameCount()
    >>> for at in range(10):
    ...     names.note(f"user-{at % 4}")
    >>> names.count, names.exact, names.examples
    (4, True, "'user-0', 'user-1', 'user-2'")
    """

    __slots__ = ("first", "hashes")

    def __init__(self, first: Sequence[str] = (), hashes: Sequence[int] = ()) -> None:
        """Continue from the ``first`` and the ``hashes`` of another."""
        self.first = list(first)
        self.hashes = list(hashes)

    def note(self, name: str) -> None:
        """A name came."""
        if len(self.first) < _EXAMPLES and name[:_LONGEST] not in self.first:
            self.first.append(name[:_LONGEST])
        hashed = zlib.crc32(name.encode("utf-8", "surrogatepass"))
        hashes = self.hashes
        if (len(hashes) < _HASHES or hashed < hashes[-1]) and hashed not in hashes:
            insort(hashes, hashed)
            del hashes[_HASHES:]

    @property
    def exact(self) -> bool:
        """Whether ``count`` is no estimate."""
        return len(self.hashes) < _HASHES

    @property
    def count(self) -> int:
        """How many different names there were, about."""
        if self.exact:
            return len(self.hashes)
        return round((_HASHES - 1) * _HASH_RANGE / (self.hashes[-1] + 1))

    @property
    def examples(self) -> str:
        """The first few, for a sentence."""
        return ", ".join(map(repr, self.first))
