"""How the outbox of a checkpoint is written."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.streams.encoding import BadStateError, Format
from driftbell.streams.records import OutboxRecord, Output

OUTBOX_FORMAT = Format("outbox", 2, compress_above=16_384, checksum_since=2)


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
    records = OUTBOX_FORMAT.decode(blob)
    try:
        return tuple(
            OutboxRecord(Output(output), key, value, tuple((name, data) for name, data in headers))
            for output, key, value, headers in records
        )
    except (TypeError, ValueError) as error:
        raise BadStateError(f"the outbox of a checkpoint is damaged: {error!r}") from error
