"""What may stand before the JSON of a record: a byte order mark, and the frame of the Schema Registry."""

from __future__ import annotations

import codecs

#: Confluent's wire format: this byte, a 4-byte schema id, then the payload
#: (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format).
_MAGIC = b"\0"
_PREFIX_BYTES = 5


def is_framed(value: bytes) -> bool:
    """Whether ``value`` begins as the registry's serializers write, and is no UTF-16 text (a zero before each letter)."""
    return value[:1] == _MAGIC and value[1:3] != b"{\0"


def schema_id(value: bytes) -> int | None:
    """The schema's number in the frame of a framed ``value``; None if the frame is cut short."""
    return int.from_bytes(value[1:_PREFIX_BYTES], "big") if len(value) >= _PREFIX_BYTES else None


def unframed(value: bytes) -> bytes:
    """``value`` without a byte order mark, and without the frame where a JSON object follows it.

    The payload of the registry's JSON Schema serializer is JSON. Avro and Protobuf, which nothing here reads, stay framed.
    """
    value = value.removeprefix(codecs.BOM_UTF8)
    if is_framed(value) and value[_PREFIX_BYTES:].lstrip().startswith(b"{"):
        return value[_PREFIX_BYTES:]
    return value
