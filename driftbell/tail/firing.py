"""What fires now, as the compacted topic ``alerts-active`` holds it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable

from driftbell.runtime.config.model import Config
from driftbell.schemas import Alert, BadRecord, decode_alert
from driftbell.tail.follow import Start, follow
from driftbell.tail.format import TopicKind

_RANK = {"critical": 0, "warning": 1, "info": 2}


def firing(config: Config) -> list[Alert]:
    """The alerts that fire now, gravest and oldest first. One that cannot be read is left out.

    Raises:
        CommandError: the cluster cannot be reached, or the topic does not exist.
    """
    latest: dict[bytes | None, bytes | None] = {}
    kinds = {config.topics.alerts_active: TopicKind.ALERTS_ACTIVE}
    with contextlib.closing(follow(config, kinds, Start.BEGINNING, until_ms=sys.maxsize)) as messages:
        for message in messages:
            # The broker compacts now and then only: of one key the last record counts, and a tombstone ends it.
            latest[message.key] = message.value
    found = []
    for value in latest.values():
        if value is not None:
            with contextlib.suppress(BadRecord):
                found.append(decode_alert(value))
    return gravest_first(found)


def gravest_first(alerts: Iterable[Alert]) -> list[Alert]:
    """As people read them: the gravest first, of those the oldest."""
    return sorted(alerts, key=lambda alert: (_RANK.get(alert.labels.get("severity", ""), 3), alert.startsAt))
