"""Records that lie in a partition that is not their model's are an alert of its own: labels then miss their predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from driftbell.runtime.config.model import Config
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.partition.merge import Slice
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.partition.placement import Misplaced, Placement, partition_of, partitioner_of
from driftbell.streams.records import Input

#: What is shown of a key or of a model's name.
_SHOWN: Final = 80


def explained(why: Misplaced, model: str, key: bytes | None, partition: int, partitions: int) -> tuple[str, str]:
    """What is wrong with a topic that holds such a record, and what to do."""
    if why is Misplaced.OTHER_PARTITIONER:
        key = key or b""
        other = partitioner_of(key, partition, partitions)
        return (
            f"holds the key {_text(key)} in partition {partition}, murmur2 says {partition_of(key, partitions)}: its producer "
            f"uses {other}, and labels do not meet their predictions",
            "set partitioner=murmur2_random in that producer",
        )
    if why is Misplaced.NO_KEY:
        what = f"holds records without a key, so that the events of a model ({model}) are spread over all partitions"
    else:
        what = (
            f"holds records whose key ({_text(key)}) is not the name of their model ({model}), so that its events may be "
            "spread over partitions"
        )
    return what, (
        "set the key to the model's name in that producer (of a model that is sharded on purpose, set models.<name>.shards)"
    )


class WrongKeys(Moments):
    """What of this partition belongs elsewhere, by input and reason, and the life of the alerts about it.

    The first good record of each input between two safe points is looked at: that depends on nothing but what the topics
    hold, costs nothing per event, and with little traffic is nearly every record.
    """

    reasons = tuple(why.value for why in Misplaced)

    def __init__(self, partition: int, config: Config, placement: Placement, counts: Counter[str]) -> None:
        super().__init__(partition, config)
        self._placement = placement
        self._counts = counts
        self._looked_at: set[Input] = set()
        self._told: set[str] = set()
        self._new: list[str] = []

    def look(self, step: Slice, events: Sequence[Any]) -> None:
        """Look at what has been decoded of a step, unless enough of its input has been seen."""
        if not self._placement.matters or step.input in self._looked_at:
            return
        for record, event in zip(step.records, events, strict=True):
            if isinstance(event, (Prediction, Feedback)):
                self._looked_at.add(step.input)
                why = self._placement.judge(record.key, event.model)
                if why is not None:
                    self._note(step.input, why, record.key, event.model)
                return

    def look_again(self) -> None:
        """A safe point is reached."""
        self._looked_at.clear()

    def take_new(self) -> list[str]:
        """What was found for the first time since this process has held the partition, as sentences. Not state."""
        new, self._new = self._new, []
        return new

    def _note(self, source: Input, why: Misplaced, key: bytes | None, model: str) -> None:
        self._counts[f"wrong_keys_{source.value}_{why.value}"] += 1
        name = f"{source.value}/{why.value}"
        shown = key[:_SHOWN] if key is not None else None
        count = self._shown.get(name, {"count": 0})["count"] + 1
        self._show(name, count=count, key=shown, model=model[:_SHOWN])
        if name not in self._told:
            self._told.add(name)
            self._new.append(self._sentence(name, self._shown[name]))

    def _sentence(self, name: str, facts: Mapping[str, Any]) -> str:
        source, _, why = name.partition("/")
        topic = Input.named(source).topic(self._topics)
        place = self._partition, self._placement.partitions or 1
        problem, fix = explained(Misplaced(why), facts["model"], facts["key"], *place)
        return f"{topic} {problem}. Fix: {fix}"

    def _condition(self, name: str, facts: Mapping[str, Any]) -> Condition:
        source, _, why = name.partition("/")
        return Condition(
            alertname="WrongKeys",
            family=Family.HEALTH,
            # A key that is no model may still keep the events of each model together, as one with a prefix does.
            severity="warning" if why == Misplaced.KEY_IS_NOT_THE_MODEL else "critical",
            reason=why,
            metric="misplaced_records",
            value=float(facts["count"]),
            summary=self._sentence(name, facts),
            labels={"topic": Input.named(source).topic(self._topics), "problem": why},
        )


def _text(key: bytes | None) -> str:
    return repr((key or b"")[:_SHOWN])[1:]
