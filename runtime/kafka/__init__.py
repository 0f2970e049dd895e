"""Kafka client settings: one block of librdkafka property names feeds every client we use."""

from __future__ import annotations

from driftbell.runtime.kafka.aiokafka import aiokafka_settings, faust_broker
from driftbell.runtime.kafka.librdkafka import client_settings, consumer_settings, producer_settings
from driftbell.runtime.kafka.problems import ignored_by_worker, problems, without_files

__all__ = [
    "aiokafka_settings",
    "client_settings",
    "consumer_settings",
    "faust_broker",
    "ignored_by_worker",
    "problems",
    "producer_settings",
    "without_files",
]
