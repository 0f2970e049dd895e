"""The worker's Prometheus metrics: everything defined here, collected from the engine at scrape time, not on the hot path.

Labels are bounded: topics and partitions by Kafka, reasons and outcomes by their enums. Models are no label: there may be ten
thousand. Names follow the exporters people know (``kafka_consumergroup_lag`` and the like).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from driftbell.schemas import DeadLetterReason
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.engine.broker import Source
from driftbell.streams.engine.engine import Engine
from driftbell.streams.join import JoinOutcome
from driftbell.streams.kafka.fitting import CUT, LEFT_OUT, Shape
from driftbell.streams.observability.fired_reasons import FIRED_REASONS
from driftbell.streams.partition.placement import Misplaced
from driftbell.streams.records import Input
from driftbell.streams.stats.histogram import Distribution

E = TypeVar("E", bound=enum.StrEnum)


class EngineCollector(Collector):
    """Reads the engine when Prometheus asks.

    Args:
        lag: the records of an input behind the offset that is to be processed next; None when not known.
        coordinator_errors: how often group coordination had to be started again.
        resized: outputs that did not fit their topics whole, by shape and what became of them.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        lag: Callable[[Source, int], int | None],
        coordinator_errors: Callable[[], int],
        resized: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._engine = engine
        self._lag = lag
        self._coordinator_errors = coordinator_errors
        self._resized = {} if resized is None else resized

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not read an engine that has not started."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._per_partition()
        yield from self._counts()
        yield from self._process()

    def _per_partition(self) -> Iterator[Metric]:
        engine, topics = self._engine, self._engine.config.topics
        lag = GaugeMetricFamily(
            "driftbell_consumer_lag_records",
            "Records of an input not yet processed; rises steadily when workers are too few.",
            labels=["topic", "partition"],
        )
        buffered = GaugeMetricFamily(
            "driftbell_buffered_records",
            "Records fetched and waiting in a worker, for instance for the other input of their partition.",
            labels=["topic", "partition"],
        )
        age = GaugeMetricFamily(
            "driftbell_checkpoint_age_seconds",
            "Time since the last save of a partition; a crash now repeats that much work. An idle one renews it.",
            labels=["partition"],
        )
        models = GaugeMetricFamily("driftbell_models", "Models watched in a partition.", labels=["partition"])
        firing = GaugeMetricFamily(
            "driftbell_alerts_firing", "Alerts that fire now in a partition.", labels=["partition"]
        )
        pending = GaugeMetricFamily(
            "driftbell_waiting_labels", "Labels that wait for their prediction in a partition.", labels=["partition"]
        )
        elsewhere = GaugeMetricFamily(
            "driftbell_waiting_labels_elsewhere",
            "Those of them that are not merely early: their model's predictions belong into another partition.",
            labels=["partition"],
        )
        stalled = GaugeMetricFamily(
            "driftbell_stalled_seconds",
            "For how long records have waited in a partition without any being processed.",
            labels=["partition"],
        )
        for index, partition in sorted(engine.partitions.items()):
            number = str(index)
            for stream in Input:
                labels = [stream.topic(topics), number]
                left = self._lag((stream, index), partition.offsets.get(stream, 0))
                if left is not None:
                    lag.add_metric(labels, left)
                buffered.add_metric(labels, partition.buffered(stream))
            age.add_metric([number], engine.checkpoint_age(index))
            models.add_metric([number], len(partition.models))
            firing.add_metric([number], len(partition.active_alerts()))
            pending.add_metric([number], partition.waiting_labels)
            elsewhere.add_metric([number], partition.labels_waiting_elsewhere)
            stalled.add_metric([number], engine.runners[index].stalled_seconds)
        yield from (lag, buffered, age, models, firing, pending, elsewhere, stalled)

    def _counts(self) -> Iterator[Metric]:
        counts, joins = self._engine.run_counts(), self._engine.run_joins()
        events = CounterMetricFamily("driftbell_events", "Good events processed, by input.", labels=["input"])
        for stream in Input:
            events.add_metric([stream.value], counts[stream.spec.counted])
        yield events
        letters = CounterMetricFamily(
            "driftbell_dead_letters", "Records set aside in a dead-letter topic, by reason.", labels=["reason"]
        )
        for reason in DeadLetterReason:
            letters.add_metric([reason.value], counts[f"dead_letters_{reason.value}"])
        yield letters
        yield _by_input_and_reason(
            "driftbell_wrong_keys",
            "Records, of those looked at, that lie in a partition that is not their model's, by input and reason.",
            Misplaced,
            lambda stream, why: counts[f"wrong_keys_{stream.value}_{why.value}"],
        )
        yield CounterMetricFamily(
            "driftbell_tombstones", "Records with a null value on an input: skipped.", value=counts["tombstones"]
        )
        outcomes = CounterMetricFamily("driftbell_join", "Labels and predictions by join outcome.", labels=["outcome"])
        for outcome in JoinOutcome:
            outcomes.add_metric([outcome.value], joins[outcome.value])
        yield outcomes
        alerts = CounterMetricFamily("driftbell_alert_transitions", "Alert transitions decided.", labels=["status"])
        for status in ("pending", "firing", "resolved"):
            alerts.add_metric([status], counts[f"alerts_{status}"])
        yield alerts
        fired = CounterMetricFamily(
            "driftbell_alerts_fired", "Alerts that began to fire, by reason.", labels=["reason"]
        )
        for why in FIRED_REASONS:
            fired.add_metric([why], counts[f"fired_{why}"])
        yield fired

    def _process(self) -> Iterator[Metric]:
        now = self._engine.totals()
        yield CounterMetricFamily("driftbell_rebalances", "Assignments received from the group.", value=now.rebalances)
        yield CounterMetricFamily(
            "driftbell_fenced_saves",
            "Saves refused because a later generation holds the partition.",
            value=now.fenced_saves,
        )
        yield CounterMetricFamily(
            "driftbell_rolled_back_stores", "Times the store had lost saves and a partition was read again.",
            value=now.rolled_back_stores,
        )  # fmt: skip
        yield CounterMetricFamily(
            "driftbell_records_skipped_replay", "Records read again and skipped: the checkpoint counts them.",
            value=now.skipped_replay,
        )  # fmt: skip
        yield CounterMetricFamily(
            "driftbell_offset_gaps", "Jumps in the offsets of an input: transactions, compaction, or records missing.",
            value=now.offset_gaps,
        )  # fmt: skip
        yield CounterMetricFamily(
            "driftbell_watermarks_forced",
            "Times an input's watermark was advanced without the brokers' word.",
            value=now.watermarks_forced,
        )
        yield CounterMetricFamily(
            "driftbell_coordinator_errors", "Times group coordination had to be started again.",
            value=self._coordinator_errors(),
        )  # fmt: skip
        yield CounterMetricFamily(
            "driftbell_state_left_out", "Parts of checkpoints that could not be read and began again.",
            value=now.state_left_out,
        )  # fmt: skip
        resized = CounterMetricFamily(
            "driftbell_outputs_resized",
            "Outputs that were larger than their topic takes, and were cut or left out.",
            labels=["kind", "outcome"],
        )
        for shape in Shape:
            for became in (CUT, LEFT_OUT):
                resized.add_metric([shape.value, became], self._resized.get((shape.value, became), 0))
        yield resized
        ahead = CounterMetricFamily(
            "driftbell_timestamps_ahead",
            "Records without a timestamp, or with one too far ahead of the clock: taken at the time of the record before.",
            labels=["input"],
        )
        for stream in Input:
            ahead.add_metric([stream.value], now.timestamps_ahead[stream])
        yield ahead
        yield _by_input_and_reason(
            "driftbell_lost_input",
            "Times records were gone before they were read, by input and reason.",
            Loss,
            lambda stream, why: now.lost_input[stream, why],
        )
        unknown = CounterMetricFamily(
            "driftbell_unknown_fields",
            "Fields of events that no contract names: ignored, and named in the log.",
            labels=["input"],
        )
        for stream in Input:
            unknown.add_metric([stream.value], now.unknown_fields[stream])
        yield unknown
        yield _histogram("driftbell_checkpoint_duration_seconds", "Time a save took in the store.", now.save_seconds)
        yield _histogram(
            "driftbell_alert_delay_seconds",
            "From the stream time of a decision to its alert's acknowledgement by Kafka.",
            now.alert_delay,
        )
        yield _histogram(
            "driftbell_event_loop_blocked_seconds", "How long the event loop could not run, sampled every 50 ms.",
            now.loop_blocked,
        )  # fmt: skip
        yield CounterMetricFamily(
            "driftbell_partition_failures", "Times a partition failed and was set aside.", value=now.partition_failures
        )
        yield GaugeMetricFamily(
            "driftbell_partitions_set_aside", "Partitions that failed and wait to be tried again.",
            value=len(self._engine.set_aside),
        )  # fmt: skip
        yield GaugeMetricFamily(
            "driftbell_clock_offset_seconds", "How far this machine's clock is ahead of what Redis and the brokers say.",
            value=self._engine.clock_offset_seconds,
        )  # fmt: skip
        yield GaugeMetricFamily(
            "driftbell_event_loop_blocked_seconds_max", "Longest time the event loop could not run, since start.",
            value=now.loop_blocked_seconds_max,
        )  # fmt: skip


def _histogram(name: str, documentation: str, seconds: Distribution) -> Metric:
    buckets = [(floatToGoString(bound), float(count)) for bound, count in seconds.buckets()]
    return HistogramMetricFamily(name, documentation, buckets=buckets, sum_value=seconds.sum)


def _by_input_and_reason(
    name: str, documentation: str, reasons: Iterable[E], count: Callable[[Input, E], float]
) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=["input", "reason"])
    for stream in Input:
        for reason in reasons:
            family.add_metric([stream.value, reason.value], count(stream, reason))
    return family
