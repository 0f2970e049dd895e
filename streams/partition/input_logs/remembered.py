"""What a partition remembers of the logs that it has read: which topic it was, and in whose time as leader it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from driftbell.runtime.epochs import Epochs, Span
from driftbell.streams.records import Input


class RememberedLog:
    """The log of one input, as far as its records were fetched."""

    def __init__(self, topic_id: str | None = None, spans: Iterable[Span] = ()) -> None:
        #: Of the topic; None where the brokers have not said it.
        self.topic_id = topic_id
        self.epochs = Epochs(spans)


class RememberedLogs:
    """The logs of all inputs of one partition."""

    def __init__(self) -> None:
        self._logs = {source: RememberedLog() for source in Input}

    def __getitem__(self, source: Input) -> RememberedLog:
        return self._logs[source]

    def note(self, source: Input, spans: Iterable[Span]) -> None:
        """Records of these epochs were fetched."""
        epochs = self._logs[source].epochs
        for start, epoch in spans:
            epochs.note(start, epoch)

    def begin_anew(self, source: Input, offset: int, *, other_topic: bool) -> None:
        """The input is read on from ``offset``; what was read from there on is gone, or all of it."""
        log = self._logs[source]
        if other_topic:
            log.epochs = Epochs()
        else:
            log.epochs.forget_from(offset)

    def state(self, offsets: Mapping[Input, int]) -> dict[str, Any]:
        """What is needed to continue at these offsets, as plain data."""
        return {
            source.value: {
                "topic_id": log.topic_id,
                "epochs": [list(span) for span in log.epochs.before(offsets.get(source, 0))],
            }
            for source, log in self._logs.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        for name, log in state.items():
            spans = [(int(start), int(epoch)) for start, epoch in log["epochs"]]
            self._logs[Input.named(name)] = RememberedLog(log["topic_id"], spans)


__all__ = ["RememberedLog", "RememberedLogs"]
