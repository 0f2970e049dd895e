"""Errors of Kafka's client are sentences."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from driftbell.runtime.kafka.said import said


def test_an_error_of_kafka_is_a_sentence_and_not_a_structure() -> None:
    assert said(KafkaException(KafkaError(KafkaError._TRANSPORT, "Connection refused"))) == "Connection refused"


def test_any_other_error_says_its_text_or_its_name() -> None:
    assert said(TimeoutError()) == "TimeoutError" and said(ValueError("no")) == "no"
