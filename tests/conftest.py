"""Fixtures of every test."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator

import pytest
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


# A shell without job control starts background jobs with SIGINT ignored, and so would be every program that a test starts
# and then wants to interrupt. A signal that has a handler is back at its default in a program that is started (execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def broken_monitors() -> None:
    """Monitors of the test that asks for this are meant to raise."""


@pytest.fixture(autouse=True)
def _no_monitor_breaks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In production a part of a subject that raises is switched off; in a test it fails that test."""
    guard = sys.modules.get("driftbell.streams.monitors.guard")
    if guard is not None and "broken_monitors" not in request.fixturenames:

        def fail(_guard: object, part: str, error: Exception) -> None:
            raise AssertionError(f"{part} raised") from error

        monkeypatch.setattr(guard.Guard, "switch_off", fail)


@pytest.fixture(autouse=True)
def _no_state_is_dropped(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """In production a monitor whose state does not fit starts fresh; in a test that is a state that did not survive."""
    yield
    if "broken_monitors" not in request.fixturenames:
        dropped = [r.getMessage() for r in caplog.get_records("call") if "its state does not fit" in r.getMessage()]
        assert dropped == []


@pytest.fixture(autouse=True)
def _logging_is_as_before() -> Iterator[None]:
    """A command sets up logging for its process: later tests would write into the closed output of its test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)


# A property that holds must not fail because the machine is busy; pytest-timeout catches what hangs.
settings.register_profile("driftbell", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("driftbell")
