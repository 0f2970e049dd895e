"""When posted alerts are over that nobody posts again."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable

from driftbell.alerting.state.records import Entry


class Deadlines:
    """The ends of all posted alerts that fire. A heap has old ends too, which are recognised when they come up."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._ends: dict[str, int] = {}
        self._kept: set[str] = set()
        self._heap: list[tuple[int, str]] = []
        for entry in entries:
            self.note(entry.fingerprint, entry)

    def note(self, fingerprint: str, entry: Entry | None) -> None:
        """An entry is new, has changed, or is gone."""
        if entry is None or entry.posted is None:
            self._kept.discard(fingerprint)
        else:
            self._kept.add(fingerprint)
        if entry is None or entry.posted is None or entry.status != "firing":
            self._ends.pop(fingerprint, None)
        elif self._ends.get(fingerprint) != entry.posted.ends_ms:
            self._ends[fingerprint] = entry.posted.ends_ms
            heapq.heappush(self._heap, (entry.posted.ends_ms, fingerprint))

    def due(self, now_ms: int) -> list[str]:
        """The fingerprints of those that are over, the earliest first; they stay due until they change."""
        found = []
        while self._heap and self._heap[0][0] <= now_ms:
            item = heapq.heappop(self._heap)
            if self._ends.get(item[1]) == item[0]:
                found.append(item)
        for item in found:
            heapq.heappush(self._heap, item)
        return list(dict.fromkeys(fingerprint for _, fingerprint in found))

    def next_ms(self) -> int | None:
        """When the next is over; None when none fires. Never later than the truth."""
        while self._heap and self._ends.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    @property
    def kept(self) -> Collection[str]:
        """The fingerprints of all posted alerts that are kept, also of those that are over."""
        return self._kept

    def __len__(self) -> int:
        """How many posted alerts fire."""
        return len(self._ends)
