"""One message of a kind per interval."""

from __future__ import annotations

import logging

from driftbell_client.quiet import OncePerInterval


def record(*arguments: object) -> logging.LogRecord:
    return logging.LogRecord("n", logging.ERROR, "f", 1, "%s [%s] %s", arguments, None)


def test_a_kind_passes_once_per_interval_and_kinds_do_not_hinder_each_other() -> None:
    now = 0.0
    once = OncePerInterval(30, clock=lambda: now)

    assert once.filter(record("FAIL", "a", "refused"))
    assert not once.filter(record("FAIL", "b", "refused again"))
    assert once.filter(record("ERROR", "a", "other"))
    now = 29.9
    assert not once.filter(record("FAIL", "a", "refused"))
    now = 30.0
    assert once.filter(record("FAIL", "a", "refused"))


def test_kinds_without_number_take_no_memory_without_bound() -> None:
    once = OncePerInterval(30, clock=lambda: 0.0)

    assert all(once.filter(record(str(number), "", "")) for number in range(10_000))
    assert len(once._passed) <= 256
