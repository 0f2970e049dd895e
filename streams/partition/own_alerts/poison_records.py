"""Records at which the partition failed again and again and was led past are an alert of their own, and dead letters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from driftbell.runtime.config.model import Config
from driftbell.schemas import DeadLetterReason
from driftbell.schemas.bad_record import BadRecord
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.records import Input

#: What is kept of the error in words.
_DETAIL: Final = 200


class PoisonRecords(Moments):
    """Which records are stepped over, and by input the life of the alerts about those that were.

    Which ones is the owner's word, and not state: once they are passed the checkpoint stands behind them.
    """

    reasons = ("stepped_over",)

    def __init__(self, partition: int, config: Config) -> None:
        super().__init__(partition, config)
        self._marked: dict[tuple[Input, int], str] = {}

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
        count = self._shown.get(source.value, {"count": 0})["count"] + 1
        self._show(source.value, count=count, offset=offset, detail=detail[:_DETAIL])

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        topic = Input.named(name).topic(self._topics)
        records = f"{facts['count']:,} records" if facts["count"] > 1 else "a record"
        return Condition(
            alertname="PoisonRecord",
            family=Family.HEALTH,
            severity="critical",
            reason=self.reasons[0],
            metric="poison_records",
            value=float(facts["count"]),
            summary=(
                f"{records} of {topic} [{self._partition}] made the worker fail again and again and went to the dead letters; "
                f"the last at offset {facts['offset']:,}: {facts['detail']}"
            ),
            labels={"topic": topic, "partition": str(self._partition)},
        )
