"""The stored form of the router's records: one byte of format, then msgpack. Never pickle: a store may be shared."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from driftbell.alerting.errors import NewerFormatError, RefusedError

#: Raised with every change that an older router could not read. A field with a default is no such change.
FORMAT = 1

T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {}


def encode(record: msgspec.Struct) -> bytes:
    """The stored form of a record."""
    return bytes((FORMAT,)) + _encoder.encode(record)


def decode(data: bytes, kind: type[T]) -> T:
    """Read a record back.

    Raises:
        NewerFormatError: a newer router wrote it.
        RefusedError: it is not a record of this kind.
    """
    version = data[0] if data else 0
    if version > FORMAT:
        raise NewerFormatError(
            f"the router's state has format {version}, this driftbell reads up to {FORMAT}: run the newer version, "
            "or give the router another group to start afresh"
        )
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        record: T = decoder.decode(memoryview(data)[1:])
    except msgspec.MsgspecError as error:
        raise RefusedError(f"the router's stored {kind.__name__} cannot be read: {error}") from error
    return record
