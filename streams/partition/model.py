"""One model: its subjects (versions and variants) with their open batches, what watches them, and the life of its alerts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from driftbell.runtime.config.model import Monitoring, Worker
from driftbell.schemas import LIVE, Alert, Metric, Prediction
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.batch import JoinedEvent
from driftbell.streams.encoding import BadStateError, Format, NewerFormatError
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.watch import ModelWatch, Watch
from driftbell.streams.partition.crowd import Crowd, crowd_of
from driftbell.streams.partition.watched import Watched
from driftbell.streams.subject import OTHER, Subject, SubjectKey, subject_key

log = logging.getLogger(__name__)

MODEL_FORMAT = Format("model", 5, compress_above=16_384, checksum_since=2)


@MODEL_FORMAT.migration(2)
def _no_crowds(state: dict[str, Any]) -> dict[str, Any]:
    """Version 2 let the longest unseen version go for each new one."""
    return {**state, "crowds": {}}


# It closed all batches at every safe point.
MODEL_FORMAT.reads_as_is(3)
# It wrote all of an array that holds one value throughout.
MODEL_FORMAT.reads_as_is(4)


#: The life of a subject's alerts, as a part that may be switched off.
ALERTS: Final = "alerts"
#: As many gathered events are looked at with the next tick: then the look costs less than the events themselves.
MOST_GATHERED: Final = 32


@dataclass(slots=True)
class Emitted:
    """What a model says at a boundary."""

    alerts: list[Alert] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


class Model:
    """Everything of one model in one partition.

    Batches close after ``batch_events`` events of a subject and at every tick for which the model has something to look at
    (``wants_tick``); conditions are evaluated whenever one closes.
    ``now_ms`` is always the last tick of stream time, so that it does not depend on how records were fetched.
    """

    def __init__(self, name: str, settings: Monitoring, worker: Worker, *, floor: int = 0) -> None:
        """``floor``: no episode of this model has had a higher number before it was forgotten."""
        self.name = name
        self.settings = settings
        self.batch_events = worker.batch_events
        self.gather_ms = max(1, round(worker.gather * 1000))
        self._limits = worker.max_subjects_per_model, worker.max_variants_per_model
        self._keep_ms = round(worker.keep_versions * 1000)
        self.dirty = False
        #: Subjects whose reference has been completed since somebody took them from here. Not state.
        self.learned: list[Subject] = []
        #: Subjects seen for the first time since somebody took them from here. Not state.
        self.admitted: list[Subject] = []
        #: Stream time of the last look; when the next is due though no event comes, which moves only then; and for conditions.
        self.ticked_ms = 0
        self._due_ms: int | None = None
        self._conditions_due_ms: int | None = None
        #: Whether a batch was closed since the last tick. At a safe point none was.
        self._stirred = False
        #: By subject; a plain tuple of the same fields finds it, too.
        self._subjects: dict[tuple[str, ...], Watched] = {}
        #: What spans all versions, by subjects without one.
        self._arms: dict[Subject, ModelWatch] = {}
        #: By variant: what came for which there was no room.
        self._crowds: dict[str, Crowd] = {}
        #: Until when no place of a version, or of a variant, can become free. Not state: found again when it is asked for.
        self._full_until_ms = self._variants_full_until_ms = 0
        self._floor = floor
        self._lifecycle = Lifecycle(settings, floor=floor)

    def wants_tick(self, now_ms: int) -> bool:
        """Whether the model is to be looked at now: a function of its state and of what it has been given.

        A look costs as much as hundreds of events, so the few events of a quiet model are gathered until the next multiple of
        ``gather_ms``: for all models the same, so that checkpoints find them with nothing open. The first events after a pause
        do not wait, nor does a failure, nor anything while an alert is pending or fires.
        """
        if self._stirred or (self._due_ms is not None and self._due_ms <= now_ms):
            return True
        gathered = sum([len(watched.predictions) + len(watched.joined) for watched in self._subjects.values()])
        if not gathered:
            return False
        if now_ms // self.gather_ms > self.ticked_ms // self.gather_ms or self._lifecycle.busy:
            return True
        return gathered >= MOST_GATHERED or any(watched.failing for watched in self._subjects.values())

    @property
    def gathering(self) -> bool:
        """Whether it has been given events that it has not looked at."""
        return any(watched.predictions or watched.joined for watched in self._subjects.values())

    @property
    def subjects(self) -> list[Subject]:
        """The versions and variants now watched."""
        return [watched.subject for watched in self._subjects.values()]

    @property
    def watches(self) -> list[tuple[Subject, Watch]]:
        """What watches each of them."""
        return [(watched.subject, watched.watch) for watched in self._subjects.values()]

    @property
    def idle_since_ms(self) -> int:
        """Stream time of the latest prediction."""
        return max(watched.last_ms for watched in self._subjects.values())

    @property
    def last_episode(self) -> int:
        """The highest episode number of its alerts; the ``floor`` of whoever comes after it."""
        return self._lifecycle.last_episode

    def active(self) -> list[Alert]:
        """The alerts that fire now."""
        return self._lifecycle.active()

    def place(self, key: SubjectKey, now_ms: int) -> SubjectKey | None:
        """The subject under which a prediction is watched where that changes nothing; None: ``settle`` must decide."""
        if key in self._subjects:
            return key
        model, _, variant = key
        if (model, "", variant) in self._arms:
            other = (model, OTHER, variant) if now_ms < self._full_until_ms else None
        else:
            full = variant != LIVE and now_ms < self._variants_full_until_ms
            other = (model, OTHER, OTHER) if full else None
        return other if other in self._subjects else None

    def settle(self, key: SubjectKey, now_ms: int, out: Emitted) -> SubjectKey:
        """The subject under which a prediction is watched, which finds its place now; everything before it has been added."""
        subject = Subject(*key)
        if subject.over_versions not in self._arms and not self._has_room_for_variant(subject.variant, now_ms, out):
            subject = Subject(self.name, OTHER, OTHER)
        elif subject.version != OTHER and not self._has_room(now_ms, out):
            subject = subject._replace(version=OTHER)
        if subject not in self._subjects:
            self._admit(subject, now_ms)
        return subject

    def note_other(self, key: SubjectKey, place: SubjectKey, now_ms: int) -> None:
        """A prediction of subject ``key`` is watched under ``place``, as there is no room for its own."""
        variant = place[2]
        # Looked at with the next tick: when it is due has moved.
        self._stirred = True
        crowd = self._crowds.get(variant)
        if crowd is None:
            crowd = self._crowds[variant] = crowd_of(variant, self._keep_ms, self._limits)
        crowd.note(key[1] if variant == key[2] else key[2], now_ms)

    def add_predictions(
        self, events: Sequence[Prediction], times: Sequence[int], now_ms: int, traceparent: str | None, out: Emitted
    ) -> None:
        """Add predictions of one subject to its open batch; ``traceparent`` is the last event's."""
        key = subject_key(events[0])
        watched = self._subjects.get(key)
        if watched is None:
            watched = self._admit(Subject(*key), now_ms)
        start, count = 0, len(events)
        while start < count:
            end = min(count, start + self.batch_events - len(watched.predictions))
            watched.predictions += events[start:end]
            watched.times += times[start:end]
            start = end
            if end == count and traceparent is not None:
                watched.traceparent = traceparent
            if len(watched.predictions) >= self.batch_events:
                self._close(watched, now_ms, out)

    def add_label(self, subject: Subject, event: JoinedEvent, now_ms: int, out: Emitted) -> bool:
        """Add one labelled prediction to its subject's open batch; False when that subject was retired meanwhile."""
        watched = self._subjects.get(subject)
        if watched is None:
            return False
        watched.joined.append(event)
        if len(watched.joined) >= self.batch_events:
            self._close(watched, now_ms, out)
        return True

    def tick(self, now_ms: int, out: Emitted) -> None:
        """Close all open batches and evaluate what depends on time."""
        changed = self._may_change(now_ms)
        for watched in self._subjects.values():
            if changed or watched.open:
                self._close(watched, now_ms, out)
            out.metrics.extend(watched.collect(now_ms))
        self._crowds = {variant: crowd for variant, crowd in self._crowds.items() if not crowd.over(now_ms)}
        for arm in self._arms.values() if changed or self._stirred else ():
            self._observe(arm, now_ms, out)
        self.ticked_ms, self._stirred = now_ms, False
        self._due_ms = self._next_due()
        self.dirty = True

    def _may_change(self, now_ms: int) -> bool:
        """Whether a condition may be another than at the last look though no event came: not where only a window is over."""
        due = self._conditions_due_ms is not None and self._conditions_due_ms <= now_ms
        if due or self._stirred or self._lifecycle.busy or self._crowds:
            return True
        return any(watch.guard.broken for watch in (*self._arms.values(), *(w.watch for w in self._subjects.values())))

    def due_ms(self) -> int | None:
        """The stream time of the next tick that can matter though no event comes."""
        if not self.gathering:
            return self._due_ms
        gathered_ms = (self.ticked_ms // self.gather_ms + 1) * self.gather_ms
        return gathered_ms if self._due_ms is None else min(self._due_ms, gathered_ms)

    def _next_due(self) -> int | None:
        due = [self._lifecycle.due_ms(), *(arm.due_ms() for arm in self._arms.values())]
        due += [watched.watch.due_ms() for watched in self._subjects.values()]
        due += [crowd.due_ms() for crowd in self._crowds.values()]
        self._conditions_due_ms = self._after_tick(due)
        return self._after_tick([self._conditions_due_ms, *(w.windows_due_ms() for w in self._subjects.values())])

    def _after_tick(self, due: Sequence[int | None]) -> int | None:
        # What was due at the last tick has been evaluated: a silence that goes on changes nothing by going on.
        return min((d for d in due if d is not None and d > self.ticked_ms), default=None)

    def _close(self, watched: Watched, now_ms: int, out: Emitted) -> None:
        """Hand the open batches to what watches, then observe the conditions."""
        learning = not watched.watch.reference.ready
        traceparent = watched.close_batches(now_ms, self._arms[watched.subject.over_versions])
        if learning and watched.watch.reference.ready:
            self.learned.append(watched.subject)
        self.dirty = self._stirred = True
        self._observe(watched.watch, now_ms, out, traceparent)

    def _observe(self, watch: Watch | ModelWatch, now_ms: int, out: Emitted, traceparent: str | None = None) -> None:
        """What the conditions of a subject change. Should the life cycle raise, its alerts end and only that is said."""
        subject, guard = watch.subject, watch.guard
        if guard.works(ALERTS):
            conditions = watch.conditions(now_ms)
            if not subject.version and subject.variant in self._crowds:
                conditions.append(self._crowds[subject.variant].condition())
            found = guard.run(ALERTS, lambda: self._observed(subject, conditions, now_ms, traceparent), None)
            if found is not None:
                out.alerts += found
                return
            out.alerts += self._lifecycle.abandon(subject, now_ms)
        out.alerts += self._observed(subject, guard.conditions(), now_ms, traceparent)

    def _observed(self, subject: Subject, wrong: Sequence[Condition], now_ms: int, trace: str | None) -> list[Alert]:
        found = self._lifecycle.observe(subject, wrong, now_ms, settings=self.settings, traceparent=trace)
        watched = self._subjects.get(subject)
        return found if watched is None else [watched.pictured(alert) for alert in found]

    def _has_room(self, now_ms: int, out: Emitted) -> bool:
        """Whether one more version can be watched, after the longest unseen has gone if it is not used any more."""
        own = [watched for watched in self._subjects.values() if watched.subject.version != OTHER]
        if len(own) < self._limits[0]:
            return True
        oldest = min(own, key=lambda watched: (watched.last_ms, watched.subject))
        self._full_until_ms = oldest.last_ms + self._keep_ms
        if now_ms < self._full_until_ms or oldest.predictions:
            return False
        self._retire(oldest, now_ms, out)
        self._retire_arms(now_ms, out)
        return True

    def _has_room_for_variant(self, variant: str, now_ms: int, out: Emitted) -> bool:
        """The same of one more variant. "live" is what nearly all are about, and always has a place."""
        if variant in (LIVE, OTHER):
            return True
        by_variant: dict[str, list[Watched]] = {}
        for watched in self._subjects.values():
            by_variant.setdefault(watched.subject.variant, []).append(watched)
        seen = {
            name: max(watched.last_ms for watched in by_variant[name]) for name in by_variant.keys() - {LIVE, OTHER}
        }
        if len(seen) < self._limits[1]:
            return True
        oldest = min(seen, key=lambda name: (seen[name], name))
        self._variants_full_until_ms = seen[oldest] + self._keep_ms
        if now_ms < self._variants_full_until_ms or any(watched.predictions for watched in by_variant[oldest]):
            return False
        for watched in by_variant[oldest]:
            self._retire(watched, now_ms, out)
        self._retire_arms(now_ms, out)
        return True

    def _admit(self, subject: Subject, now_ms: int) -> Watched:
        watched = self._begin(subject, now_ms)
        self.admitted.append(watched.subject)
        if subject.over_versions not in self._arms:
            self._begin_arm(subject.over_versions)
        return watched

    def _begin(self, subject: Subject, now_ms: int) -> Watched:
        # Interned, as msgspec leaves out a field only if it is the very default: a restart must not change a record's bytes.
        subject = Subject(*map(sys.intern, subject))
        watched = Watched(subject, self.settings, now_ms)
        self._subjects[subject] = watched
        return watched

    def _begin_arm(self, subject: Subject) -> ModelWatch:
        arm = self._arms[subject] = ModelWatch(subject, self.settings)
        return arm

    def unfinished_windows(self, now_ms: int) -> list[Metric]:
        """The windows that are not over yet, closed: for a replay, after which nothing comes."""
        return [metric for watched in self._subjects.values() for metric in watched.windows.close(now_ms)]

    def _retire(self, watched: Watched, now_ms: int, out: Emitted) -> None:
        """Let a subject go, and close what it had open."""
        self._close(watched, now_ms, out)
        out.metrics.extend(watched.close_windows(now_ms))
        out.alerts.extend(self._lifecycle.retire(watched.subject, now_ms))
        del self._subjects[watched.subject]
        self._full_until_ms = self._variants_full_until_ms = 0

    def retire_all(self, now_ms: int, out: Emitted) -> None:
        """Close everything the model has open: it is gone."""
        for watched in sorted(self._subjects.values(), key=lambda watched: (watched.last_ms, watched.subject)):
            self._retire(watched, now_ms, out)
        self._retire_arms(now_ms, out)

    def _retire_arms(self, now_ms: int, out: Emitted) -> None:
        """Let variants go of which no version is watched any more: producers may name any number of them."""
        watched = {watched.subject.over_versions for watched in self._subjects.values()}
        for subject in sorted(self._arms.keys() - watched):
            del self._arms[subject]
            self._crowds.pop(subject.variant, None)
            out.alerts.extend(self._lifecycle.retire(subject, now_ms))

    def state(self) -> bytes:
        """The encoded state; only at a safe point. What cannot be written is switched off."""
        try:
            return MODEL_FORMAT.encode(self._plain())
        except Exception as error:
            log.error("the state of model %s cannot be written, looking for the part", self.name, exc_info=error)
            return MODEL_FORMAT.encode(self._plain(check=True))

    def _plain(self, *, check: bool = False) -> dict[str, Any]:
        return {
            "ticked_ms": self.ticked_ms,
            "lifecycle": self._lifecycle.state(),
            "arms": {subject.variant: arm.state(check=check) for subject, arm in self._arms.items()},
            "subjects": [watched.state(check=check) for watched in self._subjects.values()],
            "crowds": {variant: crowd.state() for variant, crowd in self._crowds.items()},
        }

    def restore(self, blob: bytes) -> list[str]:
        """Continue from ``state()``; returns the parts that could not be read and begin again.

        Raises:
            driftbell.streams.encoding.NewerFormatError: a newer driftbell wrote it, or a part of it.
            driftbell.streams.encoding.BadStateError: the blob is damaged as a whole.
        """
        state: Any = MODEL_FORMAT.decode(blob)
        left_out: list[str] = []
        try:
            self.ticked_ms = state["ticked_ms"]
            for variant, arm_state in state["arms"].items():
                left_out += self._begin_arm(Subject(self.name, "", variant)).restore(arm_state)
            for entry in state["subjects"]:
                watched = self._begin(Subject(self.name, entry["version"], entry["variant"]), entry["last_ms"])
                left_out += watched.restore(entry)
                if watched.subject.over_versions not in self._arms:
                    self._begin_arm(watched.subject.over_versions)
            if not self._subjects:
                raise ValueError("no subject")
            for variant, crowd_state in state["crowds"].items():
                crowd = self._crowds[variant] = crowd_of(variant, self._keep_ms, self._limits)
                crowd.restore(crowd_state)
            lifecycle = state["lifecycle"]
        except NewerFormatError:
            raise
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise BadStateError(f"the state of model {self.name} is damaged: {error!r}") from error
        try:
            self._lifecycle.restore(lifecycle)
        except NewerFormatError:
            raise
        except Exception as error:
            log.warning("alerts of model %s begin again: their state does not fit (%s)", self.name, error)
            self._lifecycle = Lifecycle(self.settings, floor=self._floor)
            left_out.append(ALERTS)
        self._due_ms = self._next_due()
        return left_out


__all__: Sequence[str] = ("MODEL_FORMAT", "Emitted", "Model")
