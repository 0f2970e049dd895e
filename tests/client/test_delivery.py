"""The way to the broker: where events land, what is lost and that it is counted, and that nobody waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftbell.schemas import decode_feedback, decode_prediction
from driftbell_client import Client, DropReason, Stats
from driftbell_client.publisher import REPORT_SECONDS, Publisher
from driftbell_client.settings import producer_settings
from tests.client.reading import read
from tests.services.embedded import EmbeddedBroker
from tests.services.ports import claim_port
from tests.services.waiting import wait_until

#: Hashes of Kafka's own test (org.apache.kafka.common.utils.UtilsTest.testMurmur2), as Java's signed integers.
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def nowhere(**settings: Any) -> dict[str, Any]:
    """A broker that is down."""
    return {"bootstrap.servers": f"127.0.0.1:{claim_port()}", **settings}


def test_events_and_labels_arrive_in_order_on_their_topics(embedded_broker: EmbeddedBroker) -> None:
    with Client(embedded_broker.bootstrap) as client:
        ids = [client.predict("fraud", "3", number, traceparent=TRACE) for number in range(100)]
        for prediction_id in ids:
            client.label("fraud", prediction_id, 1)
        assert client.flush() == 0

        assert client.stats() == Stats(published=200, delivered=200)

    predictions = read(embedded_broker.bootstrap, "predictions", 100)
    labels = read(embedded_broker.bootstrap, "feedback", 100)
    assert [decode_prediction(record.value() or b"").prediction_id for record in predictions] == ids
    assert [decode_feedback(record.value() or b"").prediction_id for record in labels] == ids
    assert {record.key() for record in predictions + labels} == {b"fraud"}
    assert predictions[0].headers() == [("traceparent", TRACE.encode())]


def test_topics_are_the_callers(embedded_broker: EmbeddedBroker) -> None:
    with Client(embedded_broker.bootstrap, predictions_topic="ml.predictions", feedback_topic="ml.labels") as client:
        prediction_id = client.predict("m", "1", 1)
        client.label("m", prediction_id, 1)

    assert len(read(embedded_broker.bootstrap, "ml.predictions", 1)) == 1
    assert len(read(embedded_broker.bootstrap, "ml.labels", 1)) == 1


def test_keys_land_where_java_puts_them(embedded_broker: EmbeddedBroker) -> None:
    with Client(embedded_broker.bootstrap) as client:
        for model in MURMUR2:
            prediction_id = client.predict(model, "1", 1)
            client.label(model, prediction_id, 1)

    for topic in ("predictions", "feedback"):
        records = read(embedded_broker.bootstrap, topic, len(MURMUR2))
        # Kafka's Utils.toPositive drops the sign bit; the mock cluster's topics have 4 partitions.
        expected = {model.encode(): (digest & 0x7FFFFFFF) % 4 for model, digest in MURMUR2.items()}
        assert {record.key(): record.partition() for record in records} == expected


def test_a_broker_that_is_down_blocks_nobody_and_the_overflow_is_counted() -> None:
    client = Client(nowhere(**{"queue.buffering.max.messages": 10}))
    started = time.monotonic()
    for number in range(10_000):
        client.predict("m", "1", number)
    # Waiting for the broker even once would take far longer: delivery.timeout.ms is 120 s.
    assert time.monotonic() - started < 30

    stats = client.stats()
    assert stats.published == stats.waiting == 10
    assert stats.dropped == {DropReason.QUEUE_FULL: 9_990}

    assert client.close(timeout=0.1) == 10
    assert client.stats().waiting == 0
    assert client.stats().delivered == 0
    assert client.stats().dropped == {DropReason.QUEUE_FULL: 9_990, DropReason.NOT_FLUSHED: 10}


@pytest.mark.slow
def test_what_the_broker_does_not_take_in_time_is_counted_with_the_error() -> None:
    with Client(nowhere(**{"delivery.timeout.ms": 100, "linger.ms": 0}), flush_at_exit=0.1) as client:
        client.predict("m", "1", 1)
        wait_until(lambda: client.stats().total_dropped, "the delivery failed")

        stats = client.stats()
        assert stats.dropped == {DropReason.DELIVERY_FAILED: 1}
        assert (stats.published, stats.delivered, stats.waiting) == (1, 0, 0)
        assert stats.last_error is not None


def test_an_event_that_is_too_large_is_dropped_and_counted(embedded_broker: EmbeddedBroker) -> None:
    with Client(embedded_broker.bootstrap) as client:
        client.predict("m", "1", 1, features={"text": "x" * 2_000_000})
        client.predict("m", "1", 1)
        client.flush()

        assert client.stats().dropped == {DropReason.TOO_LARGE: 1}
        assert client.stats().delivered == 1


def test_after_close_events_are_dropped_and_counted(embedded_broker: EmbeddedBroker) -> None:
    client = Client(embedded_broker.bootstrap)
    assert client.close() == 0
    assert client.close() == 0
    client.predict("m", "1", 1)

    assert client.stats().dropped == {DropReason.CLOSED: 1}
    assert client.flush() == 0


def test_many_threads_may_publish_at_once(embedded_broker: EmbeddedBroker) -> None:
    with Client(embedded_broker.bootstrap) as client:

        def publish() -> None:
            for number in range(500):
                client.predict("m", "1", number)

        threads = [threading.Thread(target=publish) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush() == 0

        assert client.stats() == Stats(published=4_000, delivered=4_000)


def test_a_property_that_librdkafka_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(KafkaException, match="No such configuration property"):
        Client({"bootstrap.servers": "localhost:9092", "lingerms": 5})


def test_a_partitioner_that_would_tear_labels_from_predictions_is_refused() -> None:
    with pytest.raises(ValueError, match="murmur2_random"):
        Client({"bootstrap.servers": "localhost:9092", "partitioner": "consistent_random"})


@pytest.mark.parametrize("kafka", ["", {}, {"client.id": "x"}])
def test_bootstrap_servers_are_asked_for(kafka: Any) -> None:
    with pytest.raises(ValueError, match=r"bootstrap\.servers is missing"):
        Client(kafka)


def test_the_producer_is_idempotent_and_the_caller_may_override() -> None:
    settings = producer_settings("a:1")
    overridden = producer_settings({"metadata.broker.list": "a:1", "compression.codec": "zstd", "linger.ms": 0})

    assert settings["enable.idempotence"] is True
    assert settings["acks"] == "all"
    assert settings["partitioner"] == "murmur2_random"
    assert overridden["compression.codec"] == "zstd"
    assert "compression.type" not in overridden
    assert overridden["linger.ms"] == 0


class Scripted:
    """A producer without a network that does what the test says."""

    def __init__(self, settings: dict[str, Any], **_: Any) -> None:
        self.settings = settings
        self.fails: KafkaError | None = None
        self.polled = threading.Event()
        self.go_on = threading.Event()
        self.waiting: list[Any] = []
        self.purged = False

    def produce(self, topic: str, value: bytes, key: bytes, *, headers: object, on_delivery: Any) -> None:
        if self.fails is not None:
            raise KafkaException(self.fails)
        self.waiting.append(on_delivery)

    def poll(self, timeout: float) -> int:
        if timeout == 0 and self.purged:
            for on_delivery in self.waiting:
                on_delivery(KafkaError(KafkaError._PURGE_QUEUE), None)
            self.waiting.clear()
            return 0
        self.polled.set()
        self.go_on.wait(timeout)
        return 0

    def purge(self) -> None:
        self.purged = True

    def flush(self, timeout: float) -> int:
        return len(self.waiting)

    def __len__(self) -> int:
        return len(self.waiting)


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_producer_that_met_a_fatal_error_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    made: list[Scripted] = []

    def make(settings: dict[str, Any], **more: Any) -> Any:
        made.append(Scripted(settings, **more))
        return made[-1]

    publisher = Publisher({}, 0.1, make, Clock())
    publisher.publish("t", b"k", b"waits in the queue of the broken one", None)
    made[0].fails = KafkaError(KafkaError._FATAL, "fenced", fatal=True)

    assert publisher.publish("t", b"k", b"v", None) is DropReason.REFUSED
    wait_until(lambda: len(made) == 2 and not made[0].waiting, "the producer was replaced")
    assert publisher.publish("t", b"k", b"v", None) is None

    stats = publisher.stats()
    assert stats.dropped == {DropReason.REFUSED: 1, DropReason.NOT_FLUSHED: 1}
    assert stats.last_error == "fenced"
    assert (stats.published, stats.waiting) == (2, 1)
    publisher.close()
    assert "replaced: fenced" in caplog.text


@pytest.mark.slow
def test_losses_are_logged_at_once_and_then_every_30_seconds(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    publisher = Publisher({}, 0.1, Scripted, clock)  # type: ignore[arg-type]

    def reports() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "driftbell_client"]

    with caplog.at_level(logging.WARNING):
        publisher.drop(DropReason.NOT_ENCODABLE, "feature x: a bytes is no number")
        wait_until(reports, "the first loss was reported")
        for _ in range(1000):
            publisher.drop(DropReason.QUEUE_FULL)
        clock.now += REPORT_SECONDS / 2
        producer: Any = publisher._producer
        producer.polled.clear()
        producer.polled.wait(5)
        assert len(reports()) == 1
        clock.now += REPORT_SECONDS
        wait_until(lambda: len(reports()) == 2, "the next losses were reported")
        publisher.close()

    assert "1 events lost (not_encodable 1)" in reports()[0]
    assert "a bytes is no number" in reports()[0]
    assert "1000 events lost (queue_full 1000)" in reports()[1]
    assert len(reports()) == 2


def test_a_poll_that_raises_does_not_end_the_polling(caplog: pytest.LogCaptureFixture) -> None:
    polls = Counter[str]()

    class Raising(Scripted):
        def poll(self, timeout: float) -> int:
            polls["poll"] += 1
            if polls["poll"] == 1:
                raise RuntimeError("once")
            return super().poll(timeout)

    publisher = Publisher({}, 0.1, Raising, Clock())  # type: ignore[arg-type]
    wait_until(lambda: polls["poll"] > 1, "polling went on")
    publisher.close()

    assert "polling for failed deliveries failed" in caplog.text
