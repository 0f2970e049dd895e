"""Keys that are not the model, and keys placed by another partitioner, are found out and told with their fix."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from aiokafka.partitioner import murmur2 as aiokafkas_murmur2

from driftbell.runtime.config.model import Config, MonitorSettings
from driftbell.schemas import Alert, Feedback, Prediction, decode_alert
from driftbell.schemas.codec import encode_feedback, encode_prediction
from driftbell.streams.partition.own_alerts.moment import SHOWN_MS
from driftbell.streams.partition.partition import Partition
from driftbell.streams.partition.placement import Misplaced, Placement, murmur2, partition_of
from driftbell.streams.partition.summary import wrong_keys
from driftbell.streams.records import Input, Output, Record
from tests.alerting.alerts import make_alert

START_MS = 1_795_528_800_000
PARTITIONS = 6
HOME = partition_of(b"fraud", PARTITIONS)
ELSEWHERE = (HOME + 1) % PARTITIONS


def test_murmur2_is_kafkas() -> None:
    random = Random(7)
    for length in itertools.chain(range(40), [255, 256, 257]):
        data = random.randbytes(length)
        assert murmur2(data) == aiokafkas_murmur2(data) & 0xFFFFFFFF


def test_the_key_decides_whether_a_record_may_lie_where_it_does() -> None:
    shards = {"big": 4}.get
    for index in range(PARTITIONS):
        place = Placement(index, PARTITIONS, lambda model: shards(model, 1))
        assert place.judge(None, "fraud") is Misplaced.NO_KEY
        assert place.judge(b"eu-west", "fraud") is Misplaced.KEY_IS_NOT_THE_MODEL
        assert place.judge(b"fraud", "fraud") is (None if index == HOME else Misplaced.OTHER_PARTITIONER)
        for key in (b"big#0", b"big#3"):
            right = partition_of(key, PARTITIONS) == index
            assert place.judge(key, "big") is (None if right else Misplaced.OTHER_PARTITIONER)
        for key in (b"big", b"big#4", b"big#x", b"huge#1"):
            assert place.judge(key, "big") is Misplaced.KEY_IS_NOT_THE_MODEL
    assert Placement(0, 1, lambda _: 1).judge(None, "fraud") is None, "with one partition every key is as good"
    assert Placement(0, None, lambda _: 1).judge(None, "fraud") is None, "a replay knows no partitions"


class Story:
    """One partition that is fed and saved."""

    def __init__(
        self, index: int = ELSEWHERE, config: Config | None = None, partitions: int | None = PARTITIONS
    ) -> None:
        self.index, self.config, self.partitions = index, config or Config(), partitions
        self.partition = Partition(index, self.config, partitions=partitions)
        self.now_ms = START_MS
        self.offsets = dict.fromkeys(Input, 0)
        self.alerts: list[Alert] = []
        self.active: dict[bytes, bytes | None] = {}

    def feed(self, source: Input, values: Iterable[tuple[bytes | None, bytes]], chunk: int = 1000) -> None:
        records = []
        for key, value in values:
            records.append(Record(self.offsets[source], self.now_ms, value, key))
            self.offsets[source] += 1
            self.now_ms += 100
        for start in range(0, len(records), chunk):
            self.partition.push(source, records[start : start + chunk])
            self.run([other for other in Input if other is not source])
        self.run()

    def rest(self, ms: int) -> None:
        for passed in (1000, ms - 1000):
            self.now_ms += passed
            self.run()

    def rest_until_over(self) -> bytes:
        self.rest(SHOWN_MS + 3000)
        self.rest(round(1000 * MonitorSettings().keep_firing_for) + 3000)
        return self.save()

    def run(self, inputs: Iterable[Input] = Input) -> None:
        for source in inputs:
            self.partition.advance_watermark(source, self.now_ms)
        while (step := self.partition.next_step()) is not None:
            self.partition.lookups(step)
            for _ in self.partition.run(step, {}):
                pass

    def save(self) -> bytes:
        self.rest(2000)
        checkpoint = self.partition.checkpoint()
        self.partition.saved(checkpoint)
        self.partition.published(checkpoint)
        for record in checkpoint.outbox:
            if record.output is Output.ALERTS and record.value is not None:
                self.alerts.append(decode_alert(record.value))
            elif record.output is Output.ALERTS_ACTIVE:
                self.active[record.key] = record.value
        return checkpoint.core

    def wrong(self) -> list[tuple[str, str]]:
        return [(a.status, a.labels["problem"]) for a in self.alerts if a.labels["alertname"] == "WrongKeys"]


def predictions(key: bytes | None, count: int = 50) -> list[tuple[bytes | None, bytes]]:
    return [
        (key, encode_prediction(Prediction(prediction_id=f"p{i}", model="fraud", version="3", prediction=1)))
        for i in range(count)
    ]


def labels(key: bytes | None, count: int = 50) -> list[tuple[bytes | None, bytes]]:
    return [(key, encode_feedback(Feedback(prediction_id=f"p{i}", model="fraud", label=1))) for i in range(count)]


@pytest.mark.parametrize(
    ("source", "key", "problem", "fix"),
    [
        (Input.PREDICTIONS, None, "no_key", "set the key to the model's name"),
        (Input.PREDICTIONS, b"eu-west", "key_is_not_the_model", "set the key to the model's name"),
        (Input.FEEDBACK, None, "no_key", "set the key to the model's name"),
        (Input.FEEDBACK, b"fraud", "other_partitioner", "partitioner=murmur2_random"),
    ],
)
def test_a_wrong_key_is_an_alert_with_its_fix_that_ends_when_it_is_over(
    source: Input, key: bytes | None, problem: str, fix: str
) -> None:
    story = Story()
    story.feed(source, predictions(key) if source is Input.PREDICTIONS else labels(key))
    core = story.save()
    assert story.wrong() == [("firing", problem)]
    assert fix in story.alerts[-1].annotations["summary"]
    assert story.alerts[-1].labels["topic"] == source.value
    assert wrong_keys(core) == [(source.value, problem)]
    assert story.partition.counts[f"wrong_keys_{source.value}_{problem}"] >= 1
    [sentence] = story.partition.take_news().wrong_keys
    assert fix in sentence

    core = story.rest_until_over()
    assert story.wrong() == [("firing", problem), ("resolved", problem)]
    assert wrong_keys(core) == []


@pytest.mark.parametrize("partitions", [None, 1, PARTITIONS])
def test_right_keys_raise_nothing(partitions: int | None) -> None:
    story = Story(HOME if partitions == PARTITIONS else 0, partitions=partitions)
    story.feed(Input.PREDICTIONS, predictions(b"fraud"))
    story.feed(Input.FEEDBACK, labels(b"fraud"))
    story.save()
    assert story.wrong() == []


def test_librdkafkas_default_is_called_by_its_name() -> None:
    story = Story(zlib.crc32(b"fraud") % 7, partitions=7)
    assert partition_of(b"fraud", 7) != story.index
    story.feed(Input.FEEDBACK, labels(b"fraud"))
    story.save()
    assert "CRC32, librdkafka's default" in story.alerts[-1].annotations["summary"]


def test_how_records_were_fetched_does_not_decide_what_is_told() -> None:
    mixed = [predictions(key, 1)[0] for key in Random(3).choices([None, b"fraud", b"eu", b"us"], k=400)]
    told: list[tuple[list[Alert], dict[str, int]]] = []
    for chunk in (1000, 7, 1):
        story = Story()
        story.feed(Input.PREDICTIONS, mixed, chunk)
        story.save()
        counts = {name: n for name, n in story.partition.counts.items() if name.startswith("wrong_keys")}
        told.append((story.alerts, counts))
    assert told[0] == told[1] == told[2]


def test_labels_that_wait_in_a_wrong_partition_are_told_from_early_ones() -> None:
    for index, elsewhere in ((HOME, 0), (ELSEWHERE, 5)):
        story = Story(index)
        story.feed(Input.FEEDBACK, labels(b"fraud", 5))
        assert (story.partition.waiting_labels, story.partition.labels_waiting_elsewhere) == (5, elsewhere)


def test_alerts_of_two_partitions_keep_apart_what_each_of_them_says() -> None:
    """Same fingerprint, as it is one condition; other ids and other active records, so that none hides another."""
    told: Sequence[Story] = [Story(HOME), Story(ELSEWHERE), Story((HOME + 2) % PARTITIONS)]
    for story in told:
        story.feed(Input.PREDICTIONS, predictions(None))
        story.save()
    alerts = [story.alerts[-1] for story in told]
    assert len({alert.fingerprint for alert in alerts}) == 1
    assert len({alert.id for alert in alerts}) == 3
    assert len({key for story in told for key in story.active}) == 3
    home_of_ours = partition_of(b"driftbell", PARTITIONS)
    for story, alert in zip(told, alerts, strict=True):
        assert alert.partition == (None if story.index == home_of_ours else story.index)
        story.rest_until_over()
        assert set(story.active.values()) == {None}


def test_an_alert_of_a_model_at_home_is_byte_for_byte_as_before() -> None:
    story = Story(HOME)
    alert = make_alert(labels={"model": "fraud"})
    assert story.partition._placed(alert) is alert
