"""Reading the configuration again while the router runs."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from driftbell.runtime.config.model import Config


class ReloadReason(enum.StrEnum):
    """What came of it. The value is the log field, the metric label and what tests assert."""

    RELOADED = "reloaded"
    #: It has mistakes; the configuration of before is in force.
    REFUSED = "refused"
    #: It is right, and could not be saved; the configuration of before is in force, and it may be tried again.
    STORE_UNAVAILABLE = "store_unavailable"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of reading the configuration again.

    Args:
        reason: named.
        problems: each mistake as a sentence, with file, line and fix; or why the store did not take it.
        needs_restart: keys that have changed and are read at a start only.
    """

    reason: ReloadReason
    problems: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration is read from.

    Args:
        read: reads and checks all of it, as a start does. It blocks, and raises an error with ``problems``.
        asked: set when somebody wants it to be read again (SIGHUP).
    """

    read: Callable[[], Config]
    asked: asyncio.Event


#: Of the section ``router``: read at a start only.
_AT_START = (
    *("session_timeout", "http_host", "http_port", "api"),
    *("heartbeat", "slack_app", "pagerduty_webhook"),
)


def needs_restart(before: Config, after: Config) -> tuple[str, ...]:
    """The keys that differ and that a reload does not follow."""
    return tuple(_different(before, after))


def _different(before: Config, after: Config) -> Iterator[str]:
    if before.kafka != after.kafka:
        yield "kafka"
    if before.redis != after.redis:
        yield "redis"
    if before.topics.alerts != after.topics.alerts:
        yield "topics.alerts"
    if (before.router.group or before.worker.group) != (after.router.group or after.worker.group):
        yield "router.group"
    for key in _AT_START:
        if getattr(before.router, key) != getattr(after.router, key):
            yield f"router.{key}"


def problems_of(error: Exception) -> tuple[str, ...]:
    """The mistakes of a configuration, one by one where the error has them."""
    return tuple(getattr(error, "problems", ())) or tuple(str(error).splitlines())
