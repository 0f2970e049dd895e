"""One partition: the pure core that turns the merged records of its inputs into state and output.

It does no I/O and reads no clock. The owner pushes fetched records, asks for steps and runs them one by one; between two
steps at a *safe point* (see ``Partition.at_safe_point``) it may take a checkpoint. The same class serves the worker and
the replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from driftbell.runtime.config.model import Config
from driftbell.runtime.epochs import Span
from driftbell.schemas import Alert, Feedback, Prediction, UnknownFields, alert_id
from driftbell.schemas.bad_record import BadRecord
from driftbell.schemas.trace import traceparent_of
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.batch import JoinedEvent
from driftbell.streams.checkpoints.checkpoint import Checkpoint, Stored
from driftbell.streams.encoding import Format
from driftbell.streams.join import LabelJoin
from driftbell.streams.partition.decode import Decoder
from driftbell.streams.partition.input_logs.remembered import RememberedLogs
from driftbell.streams.partition.merge import NO_TIME, Merge, Slice, Step
from driftbell.streams.partition.model import Emitted, Model
from driftbell.streams.partition.models import Models, News
from driftbell.streams.partition.outbox import alert_records, metric_record
from driftbell.streams.partition.own_alerts.left_out import LeftOut
from driftbell.streams.partition.own_alerts.lost_input import LostInput
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.partition.own_alerts.poison_records import PoisonRecords
from driftbell.streams.partition.own_alerts.too_many_models import TooManyModels
from driftbell.streams.partition.own_alerts.wrong_keys import WrongKeys
from driftbell.streams.partition.placement import Placement
from driftbell.streams.records import Input, OutboxRecord, Output, RecordLike
from driftbell.streams.subject import Run, Subject, subject_key

CORE_FORMAT = Format("partition", 11, compress_above=16_384, checksum_since=3)


@CORE_FORMAT.migration(1)
def _one_count_of_expiry(core: dict[str, Any]) -> dict[str, Any]:
    """Version 1 counted what expired three times over; the join's outcomes are what is reported."""
    for name in ("expired", "unmatched", "gone"):
        core["join"].pop(name, None)
    for name in ("expired_predictions", "expired_labels"):
        core["counts"].pop(name, None)
    return core


# It ended the worker at a record that it could not process.
CORE_FORMAT.reads_as_is(3)
# It kept everything of a prediction that waits for its label, and reads nothing that was left out.
CORE_FORMAT.reads_as_is(4)
# Its windows did not say of which class a score was that came alone.
CORE_FORMAT.reads_as_is(5)
# It did not look at the keys of records.
CORE_FORMAT.reads_as_is(6)
# It did not know arrays that are written by their one value.
CORE_FORMAT.reads_as_is(7)
# It wrote the evidence of every rate, whether or not there was any.
CORE_FORMAT.reads_as_is(8)
# It said nothing of models, and of features, for which there was no room.
CORE_FORMAT.reads_as_is(9)
# It remembered nothing of the logs that it had read but its offsets.
CORE_FORMAT.reads_as_is(10)

#: Most records of one step: about 20 ms of work, so that the event loop breathes between steps.
STEP_RECORDS = 4096

#: Most labels that are looked up together with those of a step, ahead of their own.
LOOK_AHEAD = 4096


class Partition:
    """The state of one partition index, and everything that happens to it."""

    #: Whether batches are being closed: what fails then is no one record's doing.
    closing = False

    def __init__(
        self, index: int, config: Config, stored: Stored | None = None, *, partitions: int | None = None
    ) -> None:
        """``partitions``: how many the inputs have, for a look at the records' keys; None: not known, as in a replay."""
        self.index = index
        self.config = config
        worker = config.worker
        self._models = Models(index, config)
        self._join = LabelJoin(config.join)
        self._waiting_joins: list[tuple[Subject, JoinedEvent]] = []
        self._lost, self._left_out = LostInput(index, config), LeftOut(index, config)
        self._outbox: list[OutboxRecord] = []
        self._has_alerts = False
        self._since_safe_point = 0
        self._decoded: tuple[Slice, list[Feedback | BadRecord | None]] | None = None
        #: Labels that have been decoded ahead of their step, by offset. Not state.
        self._ahead: dict[int, Feedback | BadRecord | None] = {}
        self._fetched: dict[Input, int] = {}
        self._changed = False
        self.offsets: dict[Input, int] = {}
        #: Of which topics and in which leaders' epochs the records are that were fetched.
        self.logs = RememberedLogs()
        #: Exact counts of what was processed, part of the state.
        self.counts: Counter[str] = Counter()
        self._poison = PoisonRecords(index, config)
        self._placement = Placement(index, partitions, lambda model: config.monitoring_for(model).shards)
        self._wrong_keys = WrongKeys(index, config, self._placement, self.counts)
        self._too_many_models = TooManyModels(index, config)
        #: The alerts about driftbell itself, by the name under which their state is stored.
        self._own: dict[str, Moments] = {
            "lost": self._lost,
            "left_out": self._left_out,
            "poison": self._poison,
            "wrong_keys": self._wrong_keys,
            "too_many_models": self._too_many_models,
        }
        self._decoder = Decoder(index, config, self.counts, self._poison)
        #: By input, the offset up to which records are processed one by one, to find the one that fails. Not state.
        self._singly_until: dict[Input, int] = {}
        #: What is done with the records of each input.
        self._handlers: dict[Input, Callable[[Slice, Emitted], None]] = {
            Input.PREDICTIONS: self._predictions,
            Input.FEEDBACK: self._labels,
        }
        #: Records skipped because the checkpoint already counts them; not state.
        self.skipped_replay = 0
        #: Jumps in the offsets: legal after compaction and transactions, otherwise records are missing. Not state.
        self.offset_gaps = 0
        #: Records whose timestamps were not believed, by input. Not state.
        self.timestamps_ahead: Counter[Input] = Counter()
        lead_ms, tick_ms, resolution_ms = (
            round(seconds * 1000) for seconds in (worker.max_clock_lead, worker.tick, worker.merge_resolution)
        )
        if stored is None:
            self._merge = Merge(tick_ms, resolution_ms, lead_ms=lead_ms)
        else:
            core: dict[str, Any] = CORE_FORMAT.decode(stored.core)
            times = {"stream_ms": core["stream_ms"], "last_times": core["last_times"]}
            self._merge = Merge(tick_ms, resolution_ms, lead_ms=lead_ms, **times)
            self._decoder.bad_in_a_row = core["bad_in_a_row"]
            self._models.forgotten_episode = core["forgotten_episode"]
            # Before it was kept, seconds of stream time were certainly more than there were episodes.
            self._models.highest_episode = core.get("highest_episode", max(0, core["stream_ms"] // 1000))
            self._join.restore(core["join"], stored.waiting)
            for name, own in self._own.items():
                # A checkpoint of before this kind of alert has none.
                if name in core:
                    own.restore(core[name])
            self.counts.update(core["counts"])
            self.logs.restore(core.get("logs", {}))
            self.offsets = {Input.named(name): offset for name, offset in stored.offsets.items()}
            self._fetched = dict(self.offsets)
            self._outbox = list(stored.outbox)
            for _ in self.restore_models(stored.models):
                pass
            self._changed = bool(self._outbox) or self._changed
        self._counts_before, self._joins_before = Counter(self.counts), Counter(self.join_counts)

    def restore_models(self, stored: Mapping[str, bytes]) -> Iterator[None]:
        """Continue with these models, yielding after each; before anything else is done. The constructor does it at once."""
        yield from self._models.restore(stored, self.stream_ms)
        if self.left_out:
            self._left_out.note(self.left_out)
            self._changed = True

    @property
    def left_out(self) -> list[str]:
        """What of the state could not be read when it was restored, and begins again. Not state."""
        return [*self._models.left_out, *self._join.left_out]

    # ---- what the owner asks

    @property
    def stream_ms(self) -> int:
        """Stream time, the last tick; ``merge.NO_TIME`` before the first record."""
        return self._merge.stream_ms

    @property
    def models(self) -> Mapping[str, Model]:
        """The models seen, by name."""
        return self._models.by_name

    @property
    def run_counts(self) -> Counter[str]:
        """``counts`` since this process claimed the partition."""
        return Counter({name: count - self._counts_before[name] for name, count in self.counts.items()})

    @property
    def join_counts(self) -> Mapping[str, int]:
        """Labels and predictions by join outcome, part of the state."""
        return {outcome.value: count for outcome, count in self._join.counts.items()}

    @property
    def run_joins(self) -> Counter[str]:
        """``join_counts`` since this process claimed the partition."""
        return Counter({name: count - self._joins_before[name] for name, count in self.join_counts.items()})

    @property
    def waiting_labels(self) -> int:
        """How many labels wait for their prediction."""
        return self._join.waiting_labels

    @property
    def labels_waiting_elsewhere(self) -> int:
        """How many of them are not merely early: their model's predictions belong into another partition."""
        return sum(count for model, count in self._join.waiting_by_model.items() if self._placement.elsewhere(model))

    @property
    def at_safe_point(self) -> bool:
        """Whether all batches are closed, or gathered by models whose state holds them, so that a checkpoint may be taken."""
        return self._since_safe_point == 0 and self._decoded is None

    @property
    def changed(self) -> bool:
        """Whether there is anything to save since the last checkpoint."""
        return self._changed

    @property
    def has_outbox(self) -> bool:
        """Whether records wait to be published."""
        return bool(self._outbox)

    @property
    def has_alerts(self) -> bool:
        """Whether alerts are among them."""
        return self._has_alerts

    def active_alerts(self) -> list[Alert]:
        """The alerts that fire now in this partition."""
        return self._models.active() + [alert for own in self._own.values() for alert in own.active()]

    def push(
        self,
        source: Input,
        records: Sequence[RecordLike],
        now_ms: int | None = None,
        epochs: Sequence[Span] = (),
    ) -> None:
        """Buffer fetched records, in offset order; what the checkpoint already counts is skipped.

        Args:
            now_ms: wall clock when they were fetched, which bounds their timestamps; None in a replay.
            epochs: where the leaders' epochs begin of which they are, as far as that is known.
        """
        self.logs.note(source, epochs)
        expected = self._fetched.get(source, 0)
        if records and records[0].offset < expected:
            kept = [record for record in records if record.offset >= expected]
            self.skipped_replay += len(records) - len(kept)
            records = kept
        if records:
            self.offset_gaps += records[0].offset > expected
            self._fetched[source] = records[-1].offset + 1
            self.timestamps_ahead[source] += self._merge.push(source, records, now_ms)

    def begin_at(self, source: Input, offset: int) -> None:
        """Say where an input of which nothing has been read begins."""
        self._fetched.setdefault(source, offset)

    def fetched(self, source: Input) -> int:
        """The offset of the record to be pushed next."""
        return self._fetched.get(source, 0)

    @property
    def unknown_fields(self) -> Mapping[Input, UnknownFields]:
        """By input: the fields of events that no contract names, counted since this process has held the partition."""
        return self._decoder.unknown_fields

    def buffered(self, source: Input) -> int:
        """How many records of one input wait."""
        return self._merge.buffered(source)

    def buffered_bytes(self, source: Input) -> int:
        """What they take in memory, about."""
        return self._merge.buffered_bytes(source)

    def describe_wait(self) -> str:
        """What the next record waits for, for people."""
        return self._merge.describe_wait()

    @property
    def waiting_for(self) -> tuple[Input, ...]:
        """Inputs of which nothing is buffered; see ``advance_watermark``."""
        return self._merge.waiting_for

    @property
    def wants_tick(self) -> bool:
        """Whether the passing of time alone would do something."""
        return self._since_safe_point > 0 or self._due_ms() is not None

    def advance_watermark(self, source: Input, watermark_ms: int) -> None:
        """Note that every record of ``source`` with a time before ``watermark_ms`` has been pushed."""
        self._merge.advance_watermark(source, watermark_ms)

    def next_step(self) -> Step | None:
        """The next step, None when nothing is certain to come next."""
        most = min(STEP_RECORDS, self.config.worker.safe_point_records - self._since_safe_point)
        if any(self.offsets.get(source, 0) < until for source, until in self._singly_until.items()):
            most = 1
        open_batches = self._since_safe_point > 0
        # Asking every model what is due takes microseconds each, and matters only when no batch is open.
        due_ms = None if open_batches else self._due_ms()
        return self._merge.next(open_batches=open_batches, due_ms=due_ms, most=most)

    def lookups(self, step: Step) -> list[bytes]:
        """Keys of pending predictions that must be looked up in the store and given to ``run``."""
        if not isinstance(step, Slice) or step.input is not Input.FEEDBACK:
            return []
        decoded = self._decode_labels(step)
        self._decoded = (step, decoded)
        keys = self._join.unknown([label for label in decoded if isinstance(label, Feedback)])
        # The labels that are buffered behind them are looked up at once: one round trip to the store for all.
        return keys + self._look_ahead(keys) if keys else keys

    def _decode_labels(self, step: Slice) -> list[Feedback | BadRecord | None]:
        ahead = self._ahead
        if not ahead:
            return self._decoder.decode(step.input, step.records)
        rest = [record for record in step.records if record.offset not in ahead]
        decoded = iter(self._decoder.decode(step.input, rest))
        return [ahead.pop(r.offset) if r.offset in ahead else next(decoded) for r in step.records]

    def _look_ahead(self, keys: list[bytes]) -> list[bytes]:
        if self._singly_until or self._poison.marked:
            # What fails now must be the step's own doing.
            return []
        records = self._merge.ahead(Input.FEEDBACK, min(LOOK_AHEAD, self._join.look_ahead))
        fresh = [record for record in records if record.offset not in self._ahead]
        if fresh:
            decoded = self._decoder.decode(Input.FEEDBACK, fresh)
            self._ahead.update((record.offset, event) for record, event in zip(fresh, decoded, strict=True))
        events = [self._ahead[record.offset] for record in records]
        return self._join.unknown_ahead([event for event in events if isinstance(event, Feedback)], keys)

    @property
    def live_slots(self) -> Sequence[int]:
        """The time slots in which pending predictions are stored, newest first."""
        return self._join.live_slots

    def run(self, step: Step, found: Mapping[bytes, tuple[int, bytes]] | None = None) -> Iterator[None]:
        """Do one step. It yields where a long step may be interrupted; until it is exhausted the step is not done.

        Raises:
            streams.errors.TooManyDeadLettersError: nothing but bad records came; nothing since the last checkpoint is saved.
        """
        if found:
            self._join.learn(found)
        self._changed = True
        if not isinstance(step, Slice):
            self._join.advance(step.now_ms)
            yield from self._close_batches(step.now_ms)
            return
        self.offsets[step.input] = step.records[-1].offset + 1
        out = Emitted()
        self._handlers[step.input](step, out)
        self._publish(out)
        self._since_safe_point += len(step.records)
        if self._since_safe_point >= self.config.worker.safe_point_records:
            yield from self._close_batches(self.stream_ms)

    def lost_input(self, source: Input, offset: int, available: int, reason: str) -> None:
        """Note that what follows on ``offset`` no longer exists, or what was read before it, and go on at ``available``.

        It is an alert of its own (see ``driftbell.streams.partition.own_alerts.lost_input``).
        """
        self._lost.note(source, offset, available, reason)
        self.logs.begin_anew(source, available, other_topic=reason == Loss.TOPIC_RECREATED)
        self.offsets[source] = available
        self._fetched[source] = available
        self._changed = True

    def missed_input(self, source: Input, offset: int, available: int) -> None:
        """Note that the records from ``offset`` to ``available`` were deleted while the partition was held, and are passed."""
        self._lost.note(source, offset, available, Loss.RETENTION.value)
        self._changed = True

    def is_topic(self, source: Input, topic_id: str | None) -> None:
        """Remember which topic an input is; None: the brokers do not say it."""
        log = self.logs[source]
        if topic_id is not None and topic_id != log.topic_id:
            log.topic_id = topic_id
            # Also where nothing more is read: only then another topic is told from this one later.
            self._changed = self._changed or source in self.offsets

    def take_news(self) -> News:
        """New models, and references that are complete, since the last call. Not state."""
        news = self._models.take_news()
        news.wrong_keys = self._wrong_keys.take_new()
        return news

    def go_singly(self, source: Input, until: int) -> None:
        """Process records one by one as long as ``source`` has not been read up to ``until``, which changes no result."""
        self._singly_until[source] = until

    def step_over(self, source: Input, offset: int, detail: str) -> None:
        """Make this record a dead letter unread, with an alert (see ``own_alerts.poison_records``)."""
        self._poison.mark(source, offset, detail)

    def encode_models(self) -> Iterator[None]:
        """Encode the dirty models for the next checkpoint, yielding after each; no step may come between."""
        return self._models.encode(self.stream_ms)

    def pack_models(self, idle_ms: int) -> Iterator[None]:
        """Pack models that have been quiet for long, yielding after each, if it stands at a safe point.

        Args:
            idle_ms: for how long there has been no step: stream time stands still then.
        """
        return self._models.pack(self.stream_ms + idle_ms) if self.at_safe_point else iter(())

    def checkpoint(self, *, with_state: bool = True) -> Checkpoint:
        """Everything that changed since the last checkpoint; only at a safe point, and one at a time.

        The owner writes it (again and again until it is known to be saved), then calls ``saved`` and, once the outbox has
        been published, ``published``. A replay takes it without the state, for what it publishes.
        """
        assert self.at_safe_point
        for _ in self.encode_models() if with_state else ():
            pass
        self._changed = False
        return Checkpoint(
            offsets={source.value: offset for source, offset in self.offsets.items()},
            core=self._core() if with_state else b"",
            models=self._models.take(),
            join=self._join.delta(),
            outbox=tuple(self._outbox),
            dead_letters=self._decoder.take(),
            stream_ms=self._merge.stream_ms,
        )

    def _core(self) -> bytes:
        return CORE_FORMAT.encode(
            {
                "stream_ms": self._merge.stream_ms,
                "last_times": self._merge.last_times(),
                "bad_in_a_row": self._decoder.bad_in_a_row,
                "forgotten_episode": self._models.forgotten_episode,
                "highest_episode": self._models.highest_episode,
                "join": self._join.state(),
                "logs": self.logs.state(self.offsets),
                **{name: own.state() for name, own in self._own.items()},
                "counts": dict(sorted(self.counts.items())),
            }
        )

    def saved(self, checkpoint: Checkpoint) -> None:
        """The checkpoint is in the store: what it holds of the join may leave memory."""
        self._join.saved(checkpoint.join)

    def published(self, checkpoint: Checkpoint) -> None:
        """The checkpoint's outbox has reached Kafka; the next checkpoint no longer holds it."""
        del self._outbox[: len(checkpoint.outbox)]
        self._has_alerts = any(record.output is Output.ALERTS for record in self._outbox)
        self._changed = self._changed or bool(checkpoint.outbox)

    # ---- the steps

    def _predictions(self, step: Slice, out: Emitted) -> None:
        decoder, models = self._decoder, self._models.at_work
        good: list[Prediction] = []
        good_ms: list[int] = []
        # A run: consecutive events of one subject, handed over at once.
        runs: list[Run] = []
        run_start, run_of, trace = 0, None, None
        now_ms = self.stream_ms
        earliest, latest = -decoder.max_age_ms, decoder.max_future_ms
        events = decoder.decode(step.input, step.records)
        self._wrong_keys.look(step, events)
        for record, arrived_ms, event in zip(step.records, step.times, events, strict=True):
            if type(event) is not Prediction:
                decoder.reject(step.input, record, event, len(good))
                continue
            time_ms: int | float | str | BadRecord | None = event.timestamp
            if type(time_ms) is not int or not earliest <= time_ms - arrived_ms <= latest:
                time_ms = decoder.time_of(event, arrived_ms)
                if isinstance(time_ms, BadRecord):
                    decoder.reject(step.input, record, time_ms, len(good))
                    continue
            subject = subject_key(event)
            if subject != run_of:
                model = models.get(event.model) or self._models.unpacked(event.model)
                # Where the event finds its place without a change, its run need not end for it.
                place = None if model is None else model.place(subject, now_ms)
                if model is None or place is None:
                    self._hand_on(good, good_ms, run_start, trace, out)
                    run_start, trace = len(good), None
                    if model is None:
                        model = self._models.admit(event.model)
                    if model is None:
                        self._too_many_models.note(event.model, now_ms)
                        decoder.reject(step.input, record, decoder.too_many_models(event.model), len(good))
                        run_of = None
                        continue
                    place = model.settle(subject, now_ms, out)
                if place != subject:
                    model.note_other(subject, place, now_ms)
                    event = replace(event, version=place[1], variant=place[2])  # noqa: PLW2901
                if place != run_of:
                    self._hand_on(good, good_ms, run_start, trace, out)
                    run_start, run_of, trace = len(good), place, None
                    runs.append((run_start, place))
            good.append(event)
            good_ms.append(time_ms)
            if record.headers and (trace := traceparent_of(record.headers)) is not None:
                # Its run ends here, so that an alert's trace does not depend on how slices were cut.
                self._hand_on(good, good_ms, run_start, trace, out)
                run_start, trace = len(good), None
        self._hand_on(good, good_ms, run_start, trace, out)
        decoder.end_of_step(len(good))
        if good:
            self.counts[step.input.spec.counted] += len(good)
            # Labels that came first. They are handed over when the batches close, so that where a slice was cut cannot
            # decide which batch they fall into.
            self._waiting_joins += self._join.predictions(good, good_ms, self.stream_ms, runs)

    def _hand_on(
        self, events: list[Prediction], times: list[int], start: int, traceparent: str | None, out: Emitted
    ) -> None:
        if start < len(events):
            self._models.add_predictions(events[start:], times[start:], self.stream_ms, traceparent, out)

    def _labels(self, step: Slice, out: Emitted) -> None:
        assert self._decoded is not None
        assert self._decoded[0] is step, "lookups() comes before run()"
        decoded, self._decoded = self._decoded[1], None
        decoder = self._decoder
        self._wrong_keys.look(step, decoded)
        good: list[Feedback] = []
        good_ms: list[int] = []
        for record, arrived_ms, event in zip(step.records, step.times, decoded, strict=True):
            if not isinstance(event, Feedback):
                decoder.reject(step.input, record, event, len(good))
                continue
            time_ms = decoder.time_of(event, arrived_ms)
            if isinstance(time_ms, BadRecord):
                decoder.reject(step.input, record, time_ms, len(good))
                continue
            good.append(event)
            good_ms.append(time_ms)
        decoder.end_of_step(len(good))
        self._join.skip(sum(isinstance(event, Feedback) for event in decoded) - len(good))
        if good:
            self.counts[step.input.spec.counted] += len(good)
            for subject, joined in self._join.labels(good, good_ms, self.stream_ms):
                self._hand_over(subject, joined, out)

    def _close_batches(self, now_ms: int) -> Iterator[None]:
        """Close the open batches of all models that do not gather, and evaluate everything that is due: a safe point."""
        self.closing = True
        out = Emitted()
        for subject, joined in self._waiting_joins:
            self._hand_over(subject, joined, out)
        self._waiting_joins.clear()
        yield from self._models.tick(now_ms, out)
        self._left_out.note(self._models.take_lost())
        for own in self._own.values():
            out.alerts += own.observe(now_ms)
        self._publish(out)
        self._since_safe_point = 0
        self._wrong_keys.look_again()
        self.closing = False

    def _due_ms(self) -> int | None:
        due = (
            self._join.due_ms(),
            *(own.due_ms() for own in self._own.values()),
            self._models.due_ms(),
        )
        return min((d for d in due if d is not None), default=None)

    def _hand_over(self, subject: Subject, joined: JoinedEvent, out: Emitted) -> None:
        if not self._models.add_label(subject, joined, self.stream_ms, out):
            self.counts["labels_of_retired_subjects"] += 1

    def _publish(self, out: Emitted) -> None:
        for alert in out.alerts:
            self._outbox += alert_records(self._placed(alert), self.config.worker.group)
            self._has_alerts = True
            self.counts[f"alerts_{alert.status}"] += 1
            if alert.status == "firing" and alert.evidence.reason is not None:
                self.counts[f"fired_{alert.evidence.reason}"] += 1
        for metric in out.metrics:
            sharded = self._models.sharded(metric.model)
            self._outbox.append(metric_record(replace(metric, shard=str(self.index)) if sharded else metric))

    def _placed(self, alert: Alert) -> Alert:
        """An alert that other partitions may raise too, as its model's events do not belong here, says where it is from."""
        labels, index = alert.labels, self.index
        if str(index) in (labels.get("partition"), labels.get("shard")):
            return alert
        if not self._placement.elsewhere(labels.get("model", "")):
            return alert
        return replace(alert, partition=index, id=alert_id(alert.fingerprint, alert.episode, alert.status, index))


__all__ = ("CORE_FORMAT", "NO_TIME", "STEP_RECORDS", "Partition")
