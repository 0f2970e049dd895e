"""The part of the pending predictions that is in memory: all that is not saved yet, and a bounded cache of the rest.

Whether an entry is here or in the store never changes an outcome: what is absent here is looked up before it is needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

Puts = dict[int, dict[bytes, bytes]]


class Memory:
    """Entries by key, always the newest version of each.

    Args:
        limit: Saved entries kept; the oldest go first.
        limit_bytes: ... and their size.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._saved_bytes = 0
        self._entries: dict[bytes, bytes] = {}
        #: Changed since the last ``take``.
        self._fresh: Puts = {}
        #: Saved entries in the order of their going. Of a key that is in it several times the identical object counts.
        self._saved: deque[tuple[bytes, bytes]] = deque()
        #: Keys that need not be looked up: the store was asked, and what it had is here. Until their entries go.
        self.asked: set[bytes] = set()
        #: Labels announced by ``hold`` and not yet processed: their entries must not go meanwhile.
        self._held = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    @property
    def limit(self) -> int:
        """How many saved entries are kept."""
        return self._limit

    @property
    def entries(self) -> dict[bytes, bytes]:
        """By key; to be changed through ``puts`` only."""
        return self._entries

    def puts(self, slot: int) -> dict[bytes, bytes]:
        """Where entries of ``slot`` are written; the caller, in its loop, writes each to ``entries`` as well."""
        return self._fresh.setdefault(slot, {})

    def take(self) -> Puts:
        """What changed since the last call. It stays readable here until ``saved``."""
        taken = {slot: entries for slot, entries in self._fresh.items() if entries}
        self._fresh = {}
        return taken

    def saved(self, puts: Mapping[int, Mapping[bytes, bytes]]) -> None:
        """What ``take`` returned is in the store now."""
        for entries in puts.values():
            self._saved.extend(entries.items())
            self._saved_bytes += sum(map(len, entries.values()))
        self._evict()

    def learn(self, found: Mapping[bytes, tuple[int, bytes]]) -> None:
        """Take in entries from the store; what is here is newer and stays."""
        entries = self._entries
        learned = {key: packed for key, (_, packed) in found.items() if key not in entries}
        entries.update(learned)
        self._saved.extend(learned.items())
        self._saved_bytes += sum(map(len, learned.values()))

    def hold(self, labels: int) -> None:
        """So many labels will be processed soon: nothing goes until then."""
        self._held += labels

    def release(self, labels: int) -> None:
        """So many labels have been processed."""
        self._held = max(0, self._held - labels)
        self._evict()

    def drop(self, slot: int) -> None:
        """A slot is gone. Saved entries of it go in their turn; those that were never saved would stay for ever."""
        for key, packed in self._fresh.pop(slot, {}).items():
            if self._entries.get(key) is packed:
                del self._entries[key]

    def _evict(self) -> None:
        if self._held:
            return
        entries, saved, asked = self._entries, self._saved, self.asked
        while len(saved) > self._limit or self._saved_bytes > self._limit_bytes:
            key, packed = saved.popleft()
            self._saved_bytes -= len(packed)
            if entries.get(key) is packed:
                del entries[key]
                if asked:
                    asked.discard(key)
