"""The journal: what people look for in a worker's log, in a line each, however much of it happens."""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from driftbell.runtime.observability.outage import Outage
from driftbell.streams.engine.timing.clock import Clock
from driftbell.streams.partition.models import News
from driftbell.streams.records import DeadLetterRecord

log = logging.getLogger(__name__)

#: As many of a kind have a line of their own; later ones are counted, in a line a minute.
FIRST_LINES = 5
COUNT_SECONDS = 60.0

_LONGEST_DETAIL = 200


@dataclass(slots=True)
class _Kind:
    """One kind of line."""

    shown: int = 0
    #: Not logged yet, and what the latest of them was.
    uncounted: int = 0
    latest: dict[str, Any] | None = None
    logged_at: float = -math.inf


class Journal:
    """One for all partitions of a worker. Called at saves and while a partition rests, never per event."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: defaultdict[Hashable, _Kind] = defaultdict(_Kind)
        self.store = Outage("the checkpoint store", clock.monotonic, clock.wall_ms)
        self.brokers = Outage("Kafka", clock.monotonic, clock.wall_ms)

    def assigned(self, partitions: Sequence[int], generation: int) -> None:
        """The group has given us partitions, or none."""
        log.info(
            "partitions assigned" if partitions else "no partitions assigned: this worker waits in reserve",
            extra={"partitions": sorted(partitions), "generation": generation},
        )

    def taken_away(self, partitions: Sequence[int]) -> None:
        """The group takes partitions from us, or we leave it."""
        if partitions:
            log.info("partitions taken away", extra={"partitions": sorted(partitions)})

    def news(self, partition: int, news: News) -> None:
        """What happened in a partition since its last save."""
        for sentence in news.wrong_keys:
            log.warning("wrong keys: %s", sentence, extra={"partition": partition})
        models = [{"partition": partition, "model": name} for name in news.models.first]
        self._note("new_models", "new model", models, news.models.count)
        references = [
            {"partition": partition, **{name: value for name, value in subject._asdict().items() if value}}
            for subject in news.references.first
        ]
        self._note("references", "reference complete, drift is watched from here on", references, news.references.count)

        names = [{"partition": partition, field: ascii(name), "detail": why} for field, name, why in news.unseen.first]
        text = "a name looks like another and is not the same: let its producer correct it"
        self._note("unseen", text, names, news.unseen.count, level=logging.WARNING)

    def dead_letters(self, partition: int, letters: Iterable[DeadLetterRecord]) -> None:
        """Records were set aside."""
        counts: Counter[str] = Counter()
        first: dict[str, DeadLetterRecord] = {}
        for letter in letters:
            counts[letter.reason.value] += 1
            first.setdefault(letter.reason.value, letter)
        for reason, count in counts.items():
            letter = first[reason]
            shown = {
                "input": letter.input.value,
                "partition": partition,
                "offset": letter.offset,
                "reason": reason,
                "detail": letter.detail[:_LONGEST_DETAIL],
            }
            self._note(
                ("dead_letters", reason),
                "first dead letter of this reason",
                [shown],
                count,
                lines=1,
                level=logging.WARNING,
            )

    def flush(self) -> None:
        """Log the counts that are due, also when nothing more of their kind comes."""
        for key in self._kinds:
            self._count(key)

    def _note(
        self,
        key: Hashable,
        text: str,
        named: Sequence[dict[str, Any]],
        count: int,
        *,
        lines: int = FIRST_LINES,
        level: int = logging.INFO,
    ) -> None:
        kind = self._kinds[key]
        for fields in named:
            if kind.shown >= lines:
                kind.latest = fields
                break
            kind.shown += 1
            kind.logged_at = self._clock.monotonic()
            count -= 1
            log.log(level, text, extra=fields)
        if count > 0:
            kind.uncounted += count
            kind.latest = kind.latest or named[-1]
        self._count(key)

    def _count(self, key: Hashable) -> None:
        kind = self._kinds[key]
        now = self._clock.monotonic()
        if not kind.uncounted or now - kind.logged_at < COUNT_SECONDS:
            return
        level, text = _FURTHER[key[0] if isinstance(key, tuple) else key]
        log.log(level, text, extra={"count": kind.uncounted, **(kind.latest or {})})
        kind.uncounted, kind.latest, kind.logged_at = 0, None, now


#: How the counted ones are called.
_FURTHER: dict[Hashable, tuple[int, str]] = {
    "new_models": (logging.INFO, "further new models, one of them"),
    "references": (logging.INFO, "further references complete, one of them"),
    "unseen": (logging.WARNING, "further names that look like another, one of them"),
    "dead_letters": (logging.WARNING, "further dead letters, one of them"),
}

__all__ = ["COUNT_SECONDS", "FIRST_LINES", "Journal"]
