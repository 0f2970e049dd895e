"""Asks the brokers whether the logs still hold what was read of them, for many inputs at once."""

from __future__ import annotations

from collections.abc import Mapping

from driftbell.streams.engine.broker import Broker, Source
from driftbell.streams.partition.input_logs.comparison import ActualLog
from driftbell.streams.partition.input_logs.remembered import RememberedLog

#: The offset up to before which an input was read, and what is remembered of its log.
Read = tuple[int, RememberedLog]


async def describe(broker: Broker, read: Mapping[Source, Read], *, whole: bool) -> dict[Source, ActualLog]:
    """The logs as the brokers describe them now.

    Args:
        whole: where they begin and end, too.

    Raises:
        OSError: the brokers do not answer.
    """
    epochs = {source: epoch for source, (offset, log) in read.items() if (epoch := log.epochs.of(offset)) is not None}
    ids = await broker.topic_ids()
    first = await broker.earliest_offsets(list(read)) if whole else {}
    last = await broker.end_offsets(list(read)) if whole else {}
    # Last: a log that grows meanwhile must not look like one that goes on in a later epoch.
    ends = await broker.epoch_ends(epochs) if epochs else {}
    return {
        source: ActualLog(
            **({"first": first[source], "end": last[source]} if whole else {}),
            topic_id=ids.get(source[0]),
            epoch_end=ends.get(source),
        )
        for source in read
    }


__all__ = ["Read", "describe"]
