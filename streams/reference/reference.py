"""The reference of one subject: learned from its first events, then fixed; all monitors compare with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from driftbell.runtime.config.model import Reference as ReferenceSettings
from driftbell.schemas import FeatureValue
from driftbell.streams.batch import PredictionBatch
from driftbell.streams.reference.columns import Columns, Lookup
from driftbell.streams.reference.learner import MIN_VALUES, ColumnLearner, ColumnLearnerState
from driftbell.streams.reference.profile import Caveat, Profile, Profiles
from driftbell.streams.reference.unplaced import Unplaced, UnplacedState
from driftbell.streams.versioned import Versioned

#: The name under which predictions are profiled.
PREDICTION = "prediction"
_features = attrgetter("features")
#: A feature is rare in fewer than this share of the events.
_RARE = 0.05
#: Rare features with too few values to compare that are kept, so that what is missing of them and wrong in them is watched.
_MOST_RARE = 32
#: Names of features that are looked at in a batch to say which have no room: an event may have thousands.
_MOST_LOOKED_AT = 10_000
_LATEST_MS = 2**63 - 1
_DAY_MS = 86_400_000
#: A reference of fewer events is small.
_SMALL = 1000
#: A batch as read: itself, its features, its predictions.
_Read = tuple[PredictionBatch, Columns | None, Columns | None]


class ReferenceState(Versioned, frozen=True):
    """What was learned (``features``, ``prediction``), or while learning what the learners have (the last three)."""

    events: int
    ignored: list[str]
    events_read: int = 0
    features: list[Profile] | None = None
    prediction: Profile | None = None
    feature_events: int = 0
    learners: list[ColumnLearnerState] = []
    prediction_learner: ColumnLearnerState | None = None
    #: When the first and the last event learned from was made, epoch milliseconds; older states did not say.
    first_ms: int | None = None
    last_ms: int = 0
    late: dict[str, int] = {}
    #: Whether there was no room for one while it was learned; which had none lately.
    full: bool = False
    unplaced: UnplacedState | None = None


class Reference:
    """Learns for ``settings.events`` events, then reads every batch once for all who watch.

    Failed predictions teach nothing about predictions, and those without features nothing about features.
    """

    def __init__(self, settings: ReferenceSettings) -> None:
        self.settings = settings
        #: Events learned from so far.
        self.events = 0
        #: Columns beyond ``max_features``, and of those that are nearly always absent all but a few: nobody watches them.
        self.ignored: set[str] = set()
        #: Features that came after the reference was learned, and in how many events each.
        self.late: dict[str, int] = {}
        #: Whether a feature came for which there was no room while it was learned: further ones are not new, but too many.
        self._full = False
        #: Those for which there was no room lately.
        self.unplaced = Unplaced()
        self._learners: dict[str, ColumnLearner] = {}
        self._prediction: ColumnLearner | None = None
        #: How to read features and predictions, once learned.
        self._ready: tuple[Lookup, Lookup] | None = None
        self._names: list[str] = []
        self._getter: itemgetter[Any] | None = None
        self._feature_events = 0
        #: When the first and the last event learned from was made.
        self.first_ms: int | None = None
        self.last_ms = 0
        #: Events read since learning ended.
        self._events_read = 0
        self._read: _Read | None = None

    @property
    def ready(self) -> bool:
        """Whether learning is over."""
        return self._ready is not None

    @property
    def features(self) -> Profiles:
        """The features' profiles; only when ready."""
        return self._lookups[0].profiles

    @property
    def prediction(self) -> Profiles:
        """The prediction's profile, alone in its set; only when ready."""
        return self._lookups[1].profiles

    @property
    def _lookups(self) -> tuple[Lookup, Lookup]:
        if self._ready is None:
            raise RuntimeError("the reference is still being learned")
        return self._ready

    @property
    def caveats(self) -> list[Caveat]:
        """Why what was learned may not be typical; only when ready."""
        found = [Caveat.TOO_SMALL] if self.events < _SMALL else []
        if self.first_ms is not None and self.last_ms - self.first_ms < _DAY_MS:
            found.append(Caveat.SHORTER_THAN_A_DAY)
        profiles = (*self.features.profiles, *self.prediction.profiles)
        if not all(profile.numbers is None or profile.numbers.settled for profile in profiles):
            found.append(Caveat.NOT_SETTLED)
        return found

    @property
    def outgrown(self) -> bool:
        """Whether a feature that came later has been there for as many events as a reference takes, and is to be learned."""
        return self.settings.new_features == "relearn" and max(self.late.values(), default=0) >= self.settings.events

    def learn(self, batch: PredictionBatch) -> None:
        """Take a batch while not ready."""
        rows = _rows(batch)
        unplaced: dict[str, None] = {}
        looked_at = crowded = 0
        for row in rows:
            if self._learners.keys() >= row.keys():
                continue
            if looked_at < _MOST_LOOKED_AT or len(self._learners) < self.settings.max_features:
                looked_at += len(row)
                crowded += self._admit(row, unplaced)
            else:
                crowded += 1
        if crowded:
            self._full = True
            self.unplaced.note(unplaced, crowded, batch.now_ms)
        for name, learner in self._learners.items():
            learner.update([row.get(name) for row in rows])
        self._feature_events += len(rows)
        answers = [event.prediction for event in batch.events if event.error is None]
        self._prediction_learner().update(answers)
        self.events += len(batch)
        self.first_ms = min(int(batch.time_ms.min()), self.first_ms if self.first_ms is not None else _LATEST_MS)
        self.last_ms = max(int(batch.time_ms.max()), self.last_ms)
        if self.events >= self.settings.events:
            self._freeze()

    def _prediction_learner(self) -> ColumnLearner:
        if self._prediction is None:
            self._prediction = ColumnLearner(PREDICTION, self.settings.max_categories)
        return self._prediction

    def _admit(self, row: Mapping[str, FeatureValue], unplaced: dict[str, None]) -> bool:
        """Learn the features of a row from now on; whether there was no room for one, which is added to ``unplaced``."""
        crowded = False
        for name in row:
            if name in self._learners:
                continue
            if len(self._learners) >= self.settings.max_features:
                # Bounded too: an endless supply of names must not fill memory.
                if len(self.ignored) < self.settings.max_features:
                    self.ignored.add(name)
                unplaced[name] = None
                crowded = True
                continue
            self._learners[name] = ColumnLearner(name, self.settings.max_categories, self._feature_events)
        return crowded

    def _give_up_rare(self) -> None:
        """Of rare columns with too few values to compare keep those with the most, then by name.

        A producer that puts an id into the name of a feature makes hundreds of them, and each is read in every batch for ever.
        """
        most = min(MIN_VALUES, _RARE * self._feature_events)
        rare = [learner for learner in self._learners.values() if learner.values < most]
        for learner in sorted(rare, key=lambda one: (-one.values, one.name))[_MOST_RARE:]:
            del self._learners[learner.name]
            self.ignored.add(learner.name)

    def _freeze(self) -> None:
        self._give_up_rare()
        learned = self.settings.bins, self.first_ms or 0, self.last_ms
        self._set(
            [learner.profile(*learned) for learner in self._learners.values()],
            self._prediction_learner().profile(*learned),
        )

    def _set(self, features: Sequence[Profile], prediction: Profile) -> None:
        self._ready = Lookup(Profiles(features)), Lookup(Profiles([prediction]))
        self._learners = {}
        self._prediction = None
        self._names = [profile.name for profile in features]
        self._getter = itemgetter(*self._names) if len(features) > 1 else None

    def columns(self, batch: PredictionBatch) -> Columns | None:
        """The features of ``batch``; None where no event of it carries features. Only when ready."""
        return self._seen(batch)[1]

    def predictions(self, batch: PredictionBatch) -> Columns | None:
        """The predictions of ``batch`` that did not fail; None where all failed. Only when ready."""
        return self._seen(batch)[2]

    def _seen(self, batch: PredictionBatch) -> _Read:
        if self._read is None or self._read[0] is not batch:
            self._read = (batch, self._read_features(batch), self._read_predictions(batch))
        return self._read

    def forget_batch(self) -> None:
        """Let the batch last read go."""
        if self._read is not None:
            self._events_read += len(self._read[0])
        self._read = None

    def _read_features(self, batch: PredictionBatch) -> Columns | None:
        rows = _rows(batch)
        if not rows:
            return None
        if not self._names:
            self._count_unknown(rows, batch.now_ms)
            return None
        columns: list[Sequence[FeatureValue]]
        try:
            if self._getter is None:
                raise KeyError
            columns = list(zip(*map(self._getter, rows), strict=True))
            if max(map(len, rows)) > len(self._names):
                self._count_unknown(rows, batch.now_ms)
        except KeyError:
            columns = [[row.get(name) for row in rows] for name in self._names]
            self._count_unknown(rows, batch.now_ms)
        return self._counted(self._lookups[0], columns, len(rows), batch)

    def _count_unknown(self, rows: Sequence[Mapping[str, FeatureValue]], now_ms: int) -> None:
        """Count features that the reference does not know: as many names as it may hold itself, so that none fill memory."""
        if not self._full:
            for name in sorted(set().union(*rows).difference(self._names, self.ignored)):
                if name in self.late or len(self.late) < self.settings.max_features:
                    self.late[name] = self.late.get(name, 0) + sum(name in row for row in rows)
            if len(self.late) < self.settings.max_features:
                return
        placed = frozenset(self._names).union(() if self._full else (*self.late, *self.ignored))
        unplaced: dict[str, None] = {}
        looked_at = crowded = 0
        for row in rows:
            if placed.issuperset(row):
                continue
            crowded += 1
            if looked_at < _MOST_LOOKED_AT:
                looked_at += len(row)
                unplaced.update((name, None) for name in row if name not in placed)
        if crowded:
            self.unplaced.note(unplaced, crowded, now_ms)

    def _read_predictions(self, batch: PredictionBatch) -> Columns | None:
        answers = [event.prediction for event in batch.events if event.error is None]
        if not answers:
            return None
        return self._counted(self._lookups[1], [answers], len(answers), batch)

    def _counted(
        self, lookup: Lookup, columns: Sequence[Sequence[FeatureValue]], events: int, batch: PredictionBatch
    ) -> Columns:
        start_ms = int(batch.time_ms[0])
        return Columns(lookup, columns, events=events, start_ms=start_ms, read_before=self._events_read)

    def state(self) -> ReferenceState:
        """Everything needed to continue; profiles never change, so they are not copied."""
        if self._ready is not None:
            return ReferenceState(
                events=self.events,
                ignored=sorted(self.ignored),
                events_read=self._events_read,
                features=list(self.features.profiles),
                prediction=self.prediction.profiles[0],
                first_ms=self.first_ms,
                last_ms=self.last_ms,
                late=dict(self.late),
                full=self._full,
                unplaced=self.unplaced.state(),
            )
        return ReferenceState(
            events=self.events,
            ignored=sorted(self.ignored),
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            feature_events=self._feature_events,
            learners=[learner.state() for learner in self._learners.values()],
            prediction_learner=self._prediction_learner().state(),
            full=self._full,
            unplaced=self.unplaced.state(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = ReferenceState.read(state)
        self.events = saved.events
        self.ignored = set(saved.ignored)
        self.first_ms, self.last_ms, self.late = saved.first_ms, saved.last_ms, dict(saved.late)
        self._events_read = saved.events_read
        self._full = saved.full
        self.unplaced.restore(saved.unplaced)
        if saved.features is not None and saved.prediction is not None:
            self._set(saved.features, saved.prediction)
            return
        self._feature_events = saved.feature_events
        self._learners = {}
        for kept in saved.learners:
            learner = ColumnLearner(kept.name, self.settings.max_categories)
            learner.restore(kept)
            self._learners[learner.name] = learner
        if saved.prediction_learner is not None:
            self._prediction_learner().restore(saved.prediction_learner)


def _rows(batch: PredictionBatch) -> list[dict[str, FeatureValue]]:
    rows = list(map(_features, batch.events))
    if all(rows):
        return rows
    # A failed prediction often carries no features; an answered one without any misses them all.
    return [row for row, event in zip(rows, batch.events, strict=True) if row or event.error is None]
