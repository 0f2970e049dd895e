"""The models of one partition: admitted when first seen, evaluated at ticks, forgotten when long unseen."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from msgspec.structs import replace

from driftbell.runtime.config.model import Config
from driftbell.schemas import Alert, Prediction
from driftbell.schemas.identifier import unseen
from driftbell.streams.batch import JoinedEvent
from driftbell.streams.encoding import BadStateError, NewerFormatError
from driftbell.streams.partition.model import Emitted, Model
from driftbell.streams.partition.packed.packed_model import MOST_AT_ONCE, PackedModel, is_quiet, was_quiet
from driftbell.streams.subject import Subject

log = logging.getLogger(__name__)

T = TypeVar("T")

#: As many of a kind are named between two looks of whoever logs; the rest is counted.
MOST_NAMED = 5


@dataclass(slots=True)
class Named(Generic[T]):
    """The first few of a kind, and how many there were."""

    first: list[T] = field(default_factory=list)
    count: int = 0

    def add(self, one: T) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(one)


@dataclass(slots=True)
class News:
    """What people look for in a log, since the last look. Not state: a restart repeats what it had not saved."""

    models: Named[str] = field(default_factory=Named)
    references: Named[Subject] = field(default_factory=Named)
    #: What was found out about the keys of records, as sentences.
    wrong_keys: list[str] = field(default_factory=list)
    #: Names of new subjects that look like another: which field, the name, and what of it nobody sees.
    unseen: Named[tuple[str, str, str]] = field(default_factory=Named)


class Models:
    """Models by name, and which of them the next checkpoint must write."""

    def __init__(self, partition: int, config: Config) -> None:
        self._partition = partition
        self._config = config
        self._forget_ms = round(config.worker.forget_models_after * 1000)
        #: Those at work. The others have been quiet for long and are packed: they take a tenth of the memory.
        self._models: dict[str, Model] = {}
        self._packed: dict[str, PackedModel] = {}
        self._removed: set[str] = set()
        #: Models that were given events since the last tick.
        self._touched: set[str] = set()
        #: (stream time, name) of when each model must next be evaluated though no event comes, and which entries still hold:
        #: asking each of 6,000 quiet models every 50 ms took most of an idle worker's core.
        self._due: list[tuple[int, str]] = []
        self._due_of: dict[str, int] = {}
        #: Models that gather events and are scheduled for it.
        self._gathering: set[str] = set()
        self._encoded: dict[str, bytes] = {}
        #: The highest episode number of models that were forgotten. Part of the state.
        self.forgotten_episode = 0
        #: No episode of any model had a higher number when it was last saved. Part of the state.
        self.highest_episode = 0
        #: Models, and parts of models, whose state could not be read when the partition was claimed.
        self.left_out: list[str] = []
        self._lost: list[str] = []
        #: What happened since the last ``take_news``. Not state.
        self._news = News()

    @property
    def by_name(self) -> Mapping[str, Model]:
        """The models now known; one that is packed is unpacked when it is asked for."""
        return _Everyone(self)

    @property
    def at_work(self) -> Mapping[str, Model]:
        """Those that are not packed."""
        return self._models

    @property
    def packed(self) -> Collection[str]:
        """The names of those that are."""
        return self._packed.keys()

    def unpacked(self, name: str) -> Model | None:
        """The model of that name, if it is packed: from now on it is at work."""
        packed = self._packed.pop(name, None)
        if packed is None:
            return None
        model = self._models[name] = self._new(name, floor=max(self.forgotten_episode, self.highest_episode))
        self._lost += [f"{name}: {part}" for part in model.restore(packed.state)]
        return model

    def pack(self, now_ms: int) -> Iterator[None]:
        """Pack models that have been quiet for long, some at a time, yielding after each; between two steps."""
        quiet = [name for name, model in self._models.items() if is_quiet(model, now_ms)]
        for name in quiet[:MOST_AT_ONCE]:
            model = self._models.pop(name)
            self._packed[name] = PackedModel(model, model.state())
            yield

    def take_lost(self) -> list[str]:
        """Parts of models that could not be unpacked since the last call, and begin again."""
        lost, self._lost = self._lost, []
        return lost

    def admit(self, name: str) -> Model | None:
        """Make room for a model not seen before; None when there is none."""
        if len(self._models) + len(self._packed) >= self._config.worker.max_models_per_partition:
            return None
        model = self._models[name] = self._new(name)
        self._removed.discard(name)
        self._news.models.add(name)
        return model

    def add_predictions(
        self, events: Sequence[Prediction], times: Sequence[int], now_ms: int, traceparent: str | None, out: Emitted
    ) -> None:
        """Add predictions of one subject; see ``Model.add_predictions``."""
        self._touched.add(events[0].model)
        self._models[events[0].model].add_predictions(events, times, now_ms, traceparent, out)

    def add_label(self, subject: Subject, event: JoinedEvent, now_ms: int, out: Emitted) -> bool:
        """Add one labelled prediction; False when its subject is no longer watched."""
        model = self._models.get(subject.model) or self.unpacked(subject.model)
        if model is None:
            return False
        self._touched.add(subject.model)
        return model.add_label(subject, event, now_ms, out)

    def tick(self, now_ms: int, out: Emitted) -> Iterator[None]:
        """Close all open batches, evaluate everything that is due, forget what was long unseen; yields between models."""
        while self._due and self._due[0][0] <= now_ms:
            due_ms, name = heapq.heappop(self._due)
            if self._due_of.get(name) == due_ms:
                self._touched.add(name)
        # In an order of their own: that of a restored dictionary is the store's.
        names, self._touched = sorted(self._touched), set()
        for name in names:
            model = self._models.get(name) or self.unpacked(name)
            assert model is not None
            if model.wants_tick(now_ms):
                model.tick(now_ms, out)
            gathering = model.gathering
            if gathering:
                model.dirty = True
            if model.learned or model.admitted:
                self._note_news(model)
            if gathering and name in self._gathering:
                # Between two looks nothing moves the next one: with thousands of models this is what most ticks find.
                yield
                continue
            if not gathering and model.idle_since_ms + self._forget_ms <= now_ms:
                model.retire_all(now_ms, out)
                # Should it come back, its alerts must not be taken for repeats of old ones.
                self.forgotten_episode = max(self.forgotten_episode, model.last_episode)
                self.highest_episode = max(self.highest_episode, self.forgotten_episode)
                del self._models[name], self._due_of[name]
                self._gathering.discard(name)
                self._removed.add(name)
            else:
                self._schedule(name, model, gathering)
            yield

    def _note_news(self, model: Model) -> None:
        for subject in model.learned:
            self._news.references.add(subject)
        for subject in model.admitted:
            self._look_at(subject)
        model.learned.clear()
        model.admitted.clear()

    def take_news(self) -> News:
        """What happened since the last call, for the log."""
        news, self._news = self._news, News()
        return news

    def _look_at(self, subject: Subject) -> None:
        for place, name in subject._asdict().items():
            if why := unseen(name):
                self._news.unseen.add((place, name, why))

    def due_ms(self) -> int | None:
        """The stream time of the next tick that can matter though no event comes; None without a model."""
        while self._due and self._due_of.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _schedule(self, name: str, model: Model, gathering: bool) -> None:
        due_ms = model.due_ms()
        first = model.idle_since_ms + self._forget_ms
        if due_ms is not None:
            first = due_ms if gathering else min(due_ms, first)
        (self._gathering.add if gathering else self._gathering.discard)(name)
        if self._due_of.get(name) != first:
            self._due_of[name] = first
            heapq.heappush(self._due, (first, name))

    def active(self) -> list[Alert]:
        """The alerts that fire now."""
        at_work = [alert for model in self._models.values() for alert in model.active()]
        return at_work + [alert for packed in self._packed.values() for alert in packed.active]

    def sharded(self, name: str) -> bool:
        """Whether the model's events are spread over partitions on purpose."""
        return self._config.monitoring_for(name).shards > 1

    def encode(self, now_ms: int) -> Iterator[None]:
        """Encode the dirty models for the next checkpoint, and pack some, yielding after each; no step may come between."""
        for name, model in self._models.items():
            if model.dirty:
                self._encoded[name] = model.state()
                self.highest_episode = max(self.highest_episode, model.last_episode)
                model.dirty = False
                yield
        yield from self.pack(now_ms)

    def take(self) -> dict[str, bytes | None]:
        """What ``encode`` has encoded since the last call; None for models that were forgotten."""
        blobs: dict[str, bytes | None] = {**dict.fromkeys(self._removed), **self._encoded}
        self._removed.clear()
        self._encoded.clear()
        return blobs

    def restore(self, blobs: Mapping[str, bytes], now_ms: int) -> Iterator[None]:
        """Continue from what was saved at stream time ``now_ms``, yielding after each model.

        What cannot be read begins again, and ``left_out`` names it.

        Raises:
            driftbell.streams.encoding.NewerFormatError: a blob was written by a newer driftbell.
        """
        for name, blob in blobs.items():
            # Should the life of its alerts be unreadable, new ones must not be taken for repeats of old ones.
            model = self._new(name, floor=max(self.forgotten_episode, self.highest_episode))
            try:
                left_out = model.restore(blob)
            except NewerFormatError:
                raise
            except BadStateError as error:
                log.error("model %s begins again: %s", name, error)
                self.left_out.append(name)
                self.forgotten_episode = max(self.forgotten_episode, self.highest_episode)
                self._removed.add(name)
            else:
                self._schedule(name, model, model.gathering)
                if was_quiet(model, now_ms) and not left_out:
                    self._packed[name] = PackedModel(model, blob)
                else:
                    self._models[name] = model
                self.left_out += [f"{name}: {part}" for part in left_out]
            yield

    def _new(self, name: str, floor: int | None = None) -> Model:
        worker, settings = self._config.worker, self._config.monitoring_for(name)
        if settings.shards > 1:
            settings = replace(settings, labels={**settings.labels, "shard": str(self._partition)})
        return Model(
            name,
            settings,
            worker,
            floor=self.forgotten_episode if floor is None else floor,
        )


class _Everyone(Mapping[str, Model]):
    """All models of a partition by name, for whoever has the time."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def __getitem__(self, name: str) -> Model:
        model = self._models.at_work.get(name) or self._models.unpacked(name)
        if model is None:
            raise KeyError(name)
        return model

    def __iter__(self) -> Iterator[str]:
        return iter([*self._models.at_work, *self._models.packed])

    def __len__(self) -> int:
        return len(self._models.at_work) + len(self._models.packed)

    def __contains__(self, name: object) -> bool:
        return name in self._models.at_work or name in self._models.packed
