"""Fixtures of every test."""

from __future__ import annotations

from tests.services.fixtures import (
    any_redis_url,
    certificates,
    embedded_broker,
    fresh_topics,
    kafka,
    kafka_of_three,
    redis_server,
    redis_url,
    valkey_server,
    valkey_url,
)

__all__ = [
    "any_redis_url",
    "certificates",
    "embedded_broker",
    "fresh_topics",
    "kafka",
    "kafka_of_three",
    "redis_server",
    "redis_url",
    "valkey_server",
    "valkey_url",
]
