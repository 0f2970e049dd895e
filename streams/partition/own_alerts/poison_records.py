"""Records at which the partition failed again and again and was led past are an alert of their own, and dead letters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from driftbell.runtime.config.model import Config
from driftbell.schemas import LIVE, Alert, DeadLetterReason
from driftbell.schemas.bad_record import BadRecord
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.lost_input import SELF, SHOWN_MS
from driftbell.streams.records import Input
from driftbell.streams.subject import Subject

#: What is kept of the error in words.
_DETAIL: Final = 200


class PoisonRecords:
    """Which records are stepped over, and the life of the alerts about those that were.

    Which ones is the owner's word, and not state: once they are passed the checkpoint stands behind them.
    """

    def __init__(self, partition: int, config: Config) -> None:
        self._partition = partition
        self._topics = config.topics
        self._settings = config.monitoring
        self._subject = Subject(SELF, "", LIVE)
        self._lifecycle = Lifecycle(config.monitoring)
        self._marked: dict[tuple[Input, int], str] = {}
        #: By input: how many were stepped over, the last of them, and until when the alert is shown.
        self._shown: dict[str, dict[str, Any]] = {}

    def mark(self, source: Input, offset: int, detail: str) -> None:
        """Step over this record when it comes; ``detail`` is what happened at it."""
        self._marked[source, offset] = detail

    @property
    def marked(self) -> Collection[tuple[Input, int]]:
        """The records to step over."""
        return self._marked.keys()

    def letter(self, source: Input, offset: int) -> BadRecord | None:
        """Why a record is stepped over, None if it is not."""
        detail = self._marked.get((source, offset))
        return None if detail is None else BadRecord(DeadLetterReason.POISON_RECORD, detail)

    def note(self, source: Input, offset: int, detail: str) -> None:
        """This record has been stepped over."""
        before = self._shown.get(source.value, {"count": 0})
        self._shown[source.value] = {
            "count": before["count"] + 1,
            "offset": offset,
            "detail": detail[:_DETAIL],
            "until_ms": None,
        }

    def observe(self, now_ms: int) -> list[Alert]:
        """The transitions at a tick."""
        for name, shown in list(self._shown.items()):
            if shown["until_ms"] is None:
                shown["until_ms"] = now_ms + SHOWN_MS
            elif shown["until_ms"] <= now_ms:
                del self._shown[name]
        conditions = [self._condition(Input.named(name), shown) for name, shown in self._shown.items()]
        if not conditions and not self._lifecycle.active():
            return []
        return self._lifecycle.observe(self._subject, conditions, now_ms, settings=self._settings)

    def active(self) -> list[Alert]:
        """The alerts that fire now."""
        return self._lifecycle.active()

    def due_ms(self) -> int | None:
        """The stream time of the next tick that matters; 0 for the very next one."""
        due = [self._lifecycle.due_ms(), *(shown["until_ms"] or 0 for shown in self._shown.values())]
        return min((d for d in due if d is not None), default=None)

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as plain data."""
        return {
            "shown": {name: dict(shown) for name, shown in self._shown.items()},
            "lifecycle": self._lifecycle.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._shown = {name: dict(shown) for name, shown in state["shown"].items()}
        self._lifecycle.restore(state["lifecycle"])

    def _condition(self, source: Input, shown: Mapping[str, Any]) -> Condition:
        topic = source.topic(self._topics)
        records = f"{shown['count']:,} records" if shown["count"] > 1 else "a record"
        return Condition(
            alertname="PoisonRecord",
            family=Family.HEALTH,
            severity="critical",
            reason="stepped_over",
            metric="poison_records",
            value=float(shown["count"]),
            summary=(
                f"{records} of {topic} [{self._partition}] made the worker fail again and again and went to the dead letters; "
                f"the last at offset {shown['offset']:,}: {shown['detail']}"
            ),
            labels={"topic": topic, "partition": str(self._partition)},
        )
