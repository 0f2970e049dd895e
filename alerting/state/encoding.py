"""The stored form of the router's records: one byte of format, msgpack, and the CRC-32 of both (4 bytes, little endian).

Never pickle: a store may be shared. What format 1 wrote has no checksum.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, TypeVar

import msgspec

from driftbell.alerting.errors import DamagedRecordError, NewerFormatError

#: Raised with every change that an older router could not read. A field with a default is no such change.
FORMAT: Final = 2

_CHECKSUM_SINCE, _CHECKSUM_BYTES = 2, 4

T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {}


def encode(record: msgspec.Struct) -> bytes:
    """The stored form of a record."""
    data = bytes((FORMAT,)) + _encoder.encode(record)
    return data + zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")


def decode(data: bytes, kind: type[T]) -> T:
    """Read a record back.

    Raises:
        NewerFormatError: a newer router wrote it.
        DamagedRecordError: it is not a record of this kind.
    """
    version = data[0] if data else 0
    end = len(data)
    if version >= _CHECKSUM_SINCE:
        # Before the format is believed: a damaged one must not be taken for a newer router's.
        end -= _CHECKSUM_BYTES
        if end < 1 or int.from_bytes(data[end:], "little") != zlib.crc32(memoryview(data)[:end]):
            raise DamagedRecordError(
                f"the router's stored {kind.__name__} cannot be read: its checksum is not that of its bytes"
            )
    if version > FORMAT:
        raise NewerFormatError(
            f"the router's state has format {version}, this driftbell reads up to {FORMAT}: run the newer version, "
            "or give the router another group to start afresh"
        )
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        record: T = decoder.decode(memoryview(data)[1:end])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamagedRecordError(f"the router's stored {kind.__name__} cannot be read: {error}") from error
    return record
