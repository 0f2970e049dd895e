"""Fixtures of every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

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

# A property that holds must not fail because the machine is busy; pytest-timeout catches what hangs.
settings.register_profile("driftbell", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("driftbell")
