"""How the outbox of a checkpoint is written."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.streams.encoding import Format
from driftbell.streams.records import OutboxRecord, Output

OUTBOX_FORMAT = Format("outbox", 1, compress_above=16_384)


def encode_outbox(records: Sequence[OutboxRecord]) -> bytes:
    """The records as one blob."""
    return OUTBOX_FORMAT.encode(
        [
            [record.output.value, record.key, record.value, [[name, value] for name, value in record.headers]]
            for record in records
        ]
    )


def decode_outbox(blob: bytes) -> tuple[OutboxRecord, ...]:
    """What ``encode_outbox`` wrote.

    Raises:
        driftbell.streams.encoding.BadStateError: the blob is damaged or of a newer format.
    """
    return tuple(
        OutboxRecord(Output(output), key, value, tuple((name, data) for name, data in headers))
        for output, key, value, headers in OUTBOX_FORMAT.decode(blob)
    )
