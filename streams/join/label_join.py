"""The label join of one partition: predictions and labels in stream order go in, joined events come out.

The outcome is a function of the stream alone: it does not depend on what is cached, when deltas are saved, or where a
restart falls. The rules for people are in docs/labels.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.agreement import agrees
from driftbell.streams.batch import IntArray, JoinedEvent, JoinKind, Label
from driftbell.streams.encoding import BadStateError, pack
from driftbell.streams.join.delta import JoinDelta
from driftbell.streams.join.entry import FORM, PendingPrediction, open_pending
from driftbell.streams.join.kept import LARGE, kept_scores, kept_tags, opened_scores
from driftbell.streams.join.key import Keys
from driftbell.streams.join.memory import Memory
from driftbell.streams.join.outcome import JoinOutcome
from driftbell.streams.join.slots import Slot, Slots
from driftbell.streams.join.subjects import Subjects, runs_of
from driftbell.streams.join.waiting import WaitingLabels
from driftbell.streams.subject import Run, Subject

log = logging.getLogger(__name__)

Joined = list[tuple[Subject, JoinedEvent]]
Times = Sequence[int] | IntArray

#: Before the first event there is no time at all.
_NO_TIME: Final = -1


class LabelJoin:
    """Joins labels to predictions, whichever comes first.

    Stream time (``now_ms``) never runs backwards, and only its whole seconds matter: a caller that gives all events of
    one second the same time gets the same outcomes however it cuts the stream into calls.

    A caller with a store does, for a run of labels: ``unknown``, look the keys up, ``learn``, ``labels``. Predictions
    need no look-up: one published again replaces the earlier one, unseen, and counts as another prediction.
    """

    def __init__(self, settings: Join) -> None:
        self._slots = Slots(settings)
        self._subjects = Subjects()
        self._settings = settings
        self._memory = Memory(settings.cache_predictions, settings.cache_bytes)
        self._waiting = WaitingLabels(self._slots.horizon_ms, settings.max_waiting_labels, settings.max_waiting_bytes)
        self._keys = Keys()
        self._counts: dict[JoinOutcome, int] = dict.fromkeys(JoinOutcome, 0)
        self._now_ms = _NO_TIME
        self._drop: list[int] = []

    @property
    def counts(self) -> Mapping[JoinOutcome, int]:
        """How often each outcome has come, since the first start of the partition."""
        return self._counts

    @property
    def live_slots(self) -> list[int]:
        """The slots in which the store may hold entries that still matter, newest first: where to look up."""
        return [slot.id for slot in self._slots][::-1]

    @property
    def pending_predictions(self) -> int:
        """Predictions that wait for a label."""
        return sum(sum(slot.pending.values()) for slot in self._slots if not slot.over)

    @property
    def waiting_by_model(self) -> Mapping[str, int]:
        """How many labels wait for their prediction, by model."""
        return self._waiting.by_model

    @property
    def waiting_labels(self) -> int:
        """Labels that wait for a prediction."""
        return len(self._waiting)

    @property
    def left_out(self) -> list[str]:
        """What ``restore`` could not read."""
        return [f"{self._waiting.left_out:,} waiting labels"] if self._waiting.left_out else []

    @property
    def cached_predictions(self) -> int:
        """Predictions in memory."""
        return len(self._memory)

    def predictions(
        self,
        events: Sequence[Prediction],
        predicted_ms: Times,
        now_ms: int,
        runs: Sequence[Run] | None = None,
    ) -> Joined:
        """Register predictions that arrive now; returns those for which a label was waiting.

        Args:
            events: In stream order, of any models.
            predicted_ms: When each was made.
            now_ms: Stream time.
            runs: ``runs_of(events)``, from those who know it already.
        """
        self.advance(now_ms)
        slot = self._slots.current(self._now_ms)
        name, start = slot.id, slot.start_ms
        keys = self._keys.of(events)
        subjects, counts = self._subjects.number(runs_of(events) if runs is None else runs, len(events))
        pending = slot.pending
        for subject, count in counts.items():
            pending[subject] = pending.get(subject, 0) + count
        puts, entries = self._memory.puts(name), self._memory.entries
        waiting = self._waiting if self._waiting.any_of(keys) else ()
        joined: Joined = []
        most_scores, most_tags = self._settings.max_scores, self._settings.max_tags
        for event, key, subject, made in zip(events, keys, subjects, _plain(predicted_ms), strict=True):
            try:
                # A failed prediction may carry a fallback: it is no answer that a label could find right or wrong.
                answer = event.prediction if event.error is None else None
                packed = pack((FORM, name, subject, answer, event.scores, made - start, event.tags))
                if len(packed) > LARGE:
                    scores, tags = kept_scores(event.scores, most_scores), kept_tags(event.tags, most_tags)
                    packed = pack((FORM, name, subject, answer, scores, made - start, tags))
                puts[key] = entries[key] = packed
                if waiting and key in waiting:
                    joined.append(self._meet(slot, key, packed))
            except Exception as error:
                self._damaged(event, error)
        return joined

    def unknown(self, labels: Sequence[Feedback]) -> list[bytes]:
        """The keys to look up in ``live_slots`` of the store before these labels are processed; announce each label once."""
        self._memory.hold(len(labels))
        return self._missing(self._keys.of(labels))

    @property
    def look_ahead(self) -> int:
        """For how many labels at most ``unknown_ahead`` serves: what it finds must not have gone when they come."""
        return self._memory.limit // 2

    def unknown_ahead(self, labels: Sequence[Feedback], with_them: Sequence[bytes]) -> list[bytes]:
        """The keys to look up together with ``with_them``, so that these later labels need no look-up of their own.

        Nothing is held for them: should an entry leave memory before its label comes, it is looked up then.
        """
        ahead = self._keys.of(labels)
        missing = self._missing(ahead)
        known = self._memory.asked
        self._memory.asked = {*with_them, *missing, *(key for key in ahead if key in known)}
        already = set(with_them)
        return [key for key in missing if key not in already]

    def _missing(self, keys: Iterable[bytes]) -> list[bytes]:
        memory, waiting, asked = self._memory, self._waiting, self._memory.asked
        return [key for key in dict.fromkeys(keys) if key not in memory and key not in waiting and key not in asked]

    def learn(self, found: Mapping[bytes, tuple[int, bytes]]) -> None:
        """Take in what the look-up found: key to slot and packed prediction, from the newest slot that has the key."""
        self._memory.learn(found)

    def labels(self, events: Sequence[Feedback], labelled_ms: Times, now_ms: int) -> Joined:
        """Join labels that arrive now; returns first labels and amendments.

        Args:
            events: In stream order, of any models.
            labelled_ms: When each label was known.
            now_ms: Stream time.
        """
        self.advance(now_ms)
        joined: Joined = []
        entries, subjects = self._memory.entries, self._subjects.by_number
        slots = self._slots.by_id
        # A dict look-up by an enum member costs a fifth of a microsecond: the common outcomes are counted at the end.
        firsts = duplicates = 0
        for event, key, at in zip(events, self._keys.of(events), _plain(labelled_ms), strict=True):
            try:
                packed = entries.get(key)
                entry = None if packed is None else open_pending(packed)
                slot = None if entry is None else slots.get(entry.slot)
                subject = None if entry is None or slot is None else subjects[entry.subject]
                if entry is None or slot is None or subject is None or subject.model != event.model:
                    self._wait(key, event, at)
                elif slot.over:
                    self._counts[JoinOutcome.LATE] += 1
                elif entry.weight is None:
                    firsts += 1
                    slot.pending[entry.subject] -= 1
                    joined.append((subject, self._first(key, slot, entry, event.label, event.weight, at, event.tags)))
                elif entry.weight == event.weight and agrees(entry.label, event.label):
                    duplicates += 1
                else:
                    joined.append((subject, self._amend(key, slot, entry, event.label, event.weight, at)))
            except Exception as error:
                # One entry that cannot be read, or an event that cannot be written, must not end the worker.
                self._damaged(event, error)
        self._counts[JoinOutcome.JOINED] += firsts
        self._counts[JoinOutcome.DUPLICATE] += duplicates
        self._memory.release(len(events))
        return joined

    def skip(self, labels: int) -> None:
        """So many labels that ``unknown`` has announced will not come to ``labels``."""
        self._memory.release(labels)

    def due_ms(self) -> int | None:
        """The stream time at which something expires though no event comes."""
        times = [due for due in (self._slots.due_ms(), self._waiting.due_ms()) if due is not None]
        return min(times, default=None)

    def delta(self) -> JoinDelta:
        """What changed since the last call, to be stored together with ``state`` of the same moment.

        The owner retries the same delta until it is stored, and then calls ``saved``.
        """
        wait, unwait = self._waiting.take()
        drop, self._drop = self._drop, []
        return JoinDelta(self._memory.take(), drop, wait, unwait)

    def saved(self, delta: JoinDelta) -> None:
        """``delta`` is stored: its predictions may leave memory."""
        self._memory.saved(delta.put)

    def state(self) -> dict[str, Any]:
        """Everything but what ``delta`` has written, as plain data."""
        return {
            "now": self._now_ms,
            "slots": self._slots.state(),
            "subjects": self._subjects.state(),
            "waiting": self._waiting.state(),
            "counts": {outcome.value: count for outcome, count in self._counts.items()},
        }

    def restore(self, state: Mapping[str, Any], waiting: Mapping[bytes, bytes]) -> None:
        """Continue from ``state`` and the stored waiting labels; call it on a fresh object only."""
        self._now_ms = state["now"]
        self._slots.restore(state["slots"])
        self._subjects.restore(state["subjects"])
        self._waiting.restore(state["waiting"], waiting)
        self._counts.update({JoinOutcome(name): count for name, count in state["counts"].items()})

    def advance(self, now_ms: int) -> None:
        """Let stream time reach ``now_ms``: count what has expired, and let it go with the next delta."""
        if now_ms <= self._now_ms:
            return
        self._now_ms = now_ms
        self._counts[JoinOutcome.UNMATCHED] += self._waiting.expire(now_ms)
        over, gone = self._slots.advance(now_ms)
        for slot in over:
            self._counts[JoinOutcome.EXPIRED] += sum(slot.pending.values())
        for name in gone:
            self._memory.drop(name)
        if gone:
            self._drop += gone
            self._subjects.keep({subject for slot in self._slots for subject in slot.pending})

    def _wait(self, key: bytes, event: Feedback, at: int) -> None:
        earlier = self._waiting.get(key)
        if earlier is not None and earlier.weight == event.weight and agrees(earlier.label, event.label):
            self._counts[JoinOutcome.DUPLICATE] += 1
            return
        tags = kept_tags(event.tags, self._settings.max_tags) if event.tags else event.tags
        self._waiting.put(key, event, tags, at, self._now_ms)
        self._counts[JoinOutcome.WAITING if earlier is None else JoinOutcome.REPLACED] += 1
        self._counts[JoinOutcome.OVERFLOWED] += self._waiting.overflow()

    def _meet(self, slot: Slot, key: bytes, packed: bytes) -> tuple[Subject, JoinedEvent]:
        label = self._waiting.pop(key)
        entry = open_pending(packed)
        slot.pending[entry.subject] -= 1
        self._counts[JoinOutcome.JOINED] += 1
        event = self._first(key, slot, entry, label.label, label.weight, label.labelled_ms, label.tags)
        return self._subject(entry.subject), event

    def _first(
        self,
        key: bytes,
        slot: Slot,
        entry: PendingPrediction,
        label: Label,
        weight: float,
        at: int,
        tags: dict[str, str],
    ) -> JoinedEvent:
        tags = kept_tags({**entry.tags, **tags}, self._settings.max_tags) if tags else entry.tags
        self._put(key, slot, entry, tags, label, weight)
        made, scores = slot.start_ms + entry.made, opened_scores(entry.scores)
        return JoinedEvent(JoinKind.JOINED, entry.prediction, scores, label, weight, made, at, tags)

    def _amend(
        self, key: bytes, slot: Slot, entry: PendingPrediction, label: Label, weight: float, at: int
    ) -> JoinedEvent:
        self._counts[JoinOutcome.AMENDED] += 1
        # An amendment is not moved to other segments: what it replaces was counted in these.
        self._put(key, slot, entry, entry.tags, label, weight)
        made, before = slot.start_ms + entry.made, 1.0 if entry.weight is None else entry.weight
        scores = opened_scores(entry.scores)
        return JoinedEvent(
            JoinKind.AMENDED, entry.prediction, scores, label, weight, made, at, entry.tags, entry.label, before
        )

    def _put(
        self, key: bytes, slot: Slot, entry: PendingPrediction, tags: dict[str, str], label: Label, weight: float
    ) -> None:
        packed = pack(
            (FORM, entry.slot, entry.subject, entry.prediction, entry.scores, entry.made, tags, label, weight)
        )
        self._memory.puts(slot.id)[key] = self._memory.entries[key] = packed

    def _damaged(self, event: Prediction | Feedback, error: Exception) -> None:
        if not self._counts[JoinOutcome.DAMAGED]:
            log.error("prediction %r of %s cannot be joined", event.prediction_id, event.model, exc_info=error)
        self._counts[JoinOutcome.DAMAGED] += 1

    def _subject(self, number: int) -> Subject:
        subject = self._subjects.by_number[number]
        if subject is None:
            raise BadStateError(f"a live slot mentions subject {number}, which is not known")
        return subject


def _plain(times: Times) -> Sequence[int]:
    return times.tolist() if isinstance(times, np.ndarray) else times
