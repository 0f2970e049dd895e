"""A record that cannot be used, and the search for the precise reason: error path only, so it may take its time."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable
from typing import Any

import msgspec

from driftbell.schemas.dead_letter import DeadLetterReason
from driftbell.schemas.framing import is_framed, schema_id
from driftbell.schemas.identifier import MAX_IDENTIFIER
from driftbell.schemas.limits import MAX_TEXT, Text
from driftbell.schemas.prediction import FeatureValue

#: Other formats that records come in, by their first bytes, and what to do.
_FORMATS = {
    # Before UTF-16, whose mark begins the first of them; the last two are a brace without a mark.
    codecs.BOM_UTF32_LE: "UTF-32; publish UTF-8",
    codecs.BOM_UTF32_BE: "UTF-32; publish UTF-8",
    b"{\0\0\0": "UTF-32; publish UTF-8",
    b"\0\0\0{\0\0\0": "UTF-32; publish UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16; publish UTF-8",
    codecs.BOM_UTF16_BE: "UTF-16; publish UTF-8",
    b"\x1f\x8b": "gzip; let the Kafka client compress instead (compression.type)",
    b"\x28\xb5\x2f\xfd": "zstd; let the Kafka client compress instead (compression.type)",
    b"\x04\x22\x4d\x18": "lz4; let the Kafka client compress instead (compression.type)",
    b"\x80\x04": "Python's pickle; publish JSON",
    b"\x80\x05": "Python's pickle; publish JSON",
    b"{'": "Python's own notation; use json.dumps, which writes double quotes",
}

#: Longest detail, and longest path in one, in characters: names are as long as a producer likes, and many bad records wait in
#: memory at once.
MAX_DETAIL, MAX_PATH = 2_000, 1_000

#: What decoding may raise on hostile bytes: bad JSON or types, bad UTF-8, nesting deeper than the C stack allows.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: How the values of each mapping field are read, to find the key that msgspec reports only as ``[...]``.
_MAPPINGS: dict[str, msgspec.json.Decoder[Any]] = {
    "features": msgspec.json.Decoder(FeatureValue),
    "scores": msgspec.json.Decoder(float),
    "attributions": msgspec.json.Decoder(float),
    "tags": msgspec.json.Decoder(Text),
    "labels": msgspec.json.Decoder(str),
    "annotations": msgspec.json.Decoder(str),
    "values": msgspec.json.Decoder(float),
}

_IDENTIFIERS = ("prediction_id", "model", "version", "variant", "request_id")
_UNITS = {"latency_ms": "; is it in milliseconds?"}

_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class BadRecord(Exception):
    """A record that goes to ``<topic>.DLQ``. Raised by the single decoders, returned in its place by the bulk ones."""

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        detail = _cut(detail, MAX_DETAIL)
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def too_large(size: int, limit: int) -> BadRecord:
    """The record of ``size`` bytes is above ``limit`` bytes."""
    return BadRecord(DeadLetterReason.TOO_LARGE, f"the value has {size} bytes, the limit is {limit}")


def explain(value: bytes, error: Exception) -> BadRecord:
    """Say why decoding ``value`` (out of its envelope, if it had one) failed with one of ``DECODE_ERRORS``."""
    known = _other_format(value)
    if is_framed(value) and known is None:
        return _registry_framed(value)
    if isinstance(error, msgspec.ValidationError):
        return _validation(value, str(error))
    if known is not None:
        return BadRecord(DeadLetterReason.NOT_JSON, f"this is {known}")
    if isinstance(error, RecursionError):
        return BadRecord(DeadLetterReason.NOT_JSON, "nested too deeply to be read")
    if isinstance(error, UnicodeDecodeError):
        return BadRecord(DeadLetterReason.NOT_JSON, f"not UTF-8: {error.reason} in a string of the value")
    token = _non_finite_token(value)
    if token is not None:
        return BadRecord(DeadLetterReason.NOT_FINITE, token)
    return BadRecord(DeadLetterReason.NOT_JSON, "the value is empty" if not value else str(error))


def _other_format(value: bytes) -> str | None:
    if value and not value.strip(b"\0"):
        return "zero bytes and nothing else; was the buffer filled before it was sent?"
    for start, name in _FORMATS.items():
        if value.startswith(start):
            return name
    return _FORMATS[codecs.BOM_UTF16_LE] if value[:2] in (b"{\0", b"\0{") else None


def _registry_framed(value: bytes) -> BadRecord:
    schema = schema_id(value)
    known = f" of schema id {schema}" if schema is not None else ""
    return BadRecord(
        DeadLetterReason.REGISTRY_FRAMED,
        f"a Schema Registry payload{known} that is not JSON (Avro or Protobuf): neither is read; "
        "publish plain JSON, or JSON Schema, whose frame is read",
    )


def _validation(value: bytes, message: str) -> BadRecord:
    message = _name_the_key(value, message)
    place = message.rpartition("`$.")[2].rstrip("`")
    if message.startswith("Object missing required field"):
        return BadRecord(DeadLetterReason.MISSING_FIELD, message)
    if "out of range" in message:
        return BadRecord(DeadLetterReason.NOT_FINITE, f"{message}: larger than a 64-bit float can hold")
    if message.startswith("Expected `str` of length >="):
        return BadRecord(DeadLetterReason.EMPTY_IDENTIFIER, message)
    if message.startswith(f"Expected `str` of length <= {MAX_IDENTIFIER}"):
        return BadRecord(DeadLetterReason.IDENTIFIER_TOO_LONG, f"{message}, limit {MAX_IDENTIFIER} characters")
    if message.startswith("Expected `str` of length <="):
        return BadRecord(DeadLetterReason.TEXT_TOO_LONG, f"{message}, limit {MAX_TEXT} characters")
    if message.startswith(("Expected `object` of length <=", "Expected `array` of length <=")):
        return BadRecord(DeadLetterReason.TOO_MANY_ENTRIES, message)
    if message.startswith(("Expected `float` >=", "Expected `int` >=", "Expected `float` <=", "Expected `int` <=")):
        return BadRecord(DeadLetterReason.OUT_OF_RANGE, message + _UNITS.get(place, ""))
    return BadRecord(DeadLetterReason.WRONG_TYPE, message + _type_hint(value, message, place))


def _type_hint(value: bytes, message: str, place: str) -> str:
    """What to do about a wrong type, where that can be guessed."""
    if message == "Expected `object`, got `array`":
        return "; publish one event per record"
    if message == "Expected `object`, got `str`" and b"{" in value:
        return "; this is JSON inside a JSON string: it was encoded twice"
    if place in _IDENTIFIERS and message.startswith(("Expected `str`, got `float`", "Expected `str`, got `int`")):
        return "; write it as text, in quotes"
    return ""


def _name_the_key(value: bytes, message: str) -> str:
    """Replace msgspec's ``$.features[...]`` by the first key of the field whose value is refused."""
    head, found, path = message.partition("`$.")
    field = path.removesuffix("[...]`")
    decoder = _MAPPINGS.get(field)
    if not found or field == path or decoder is None:
        return message
    try:
        entries = _object_decoder.decode(_object_decoder.decode(value)[field])
    except (*DECODE_ERRORS, KeyError):
        return message
    for key, raw in entries.items():
        try:
            decoder.decode(raw)
        except DECODE_ERRORS:
            return f"{head}`$.{field}{_path_step(key)}`"
    return message


def _path_step(key: str) -> str:
    """One step of a JSONPath: ``.amount``, or ``["net amount"]`` where the dot would not do."""
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"


def _non_finite_token(value: bytes) -> str | None:
    """Where a value that would be JSON but for ``NaN`` or ``Infinity`` holds the first of them; None otherwise.

    Python's ``json`` and many other writers emit these tokens, though RFC 8259 (section 6) has none.
    """
    try:
        steps = _find_non_finite(json.loads(value))
    except (ValueError, RecursionError):
        return None
    if steps is None:
        return None
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else _path_step(step) for step in reversed(steps))
    return f"NaN and Infinity are not JSON - at `{_cut(path, MAX_PATH)}`; publish null for a missing value"


def _find_non_finite(node: Any) -> list[str | int] | None:
    """Keys and indices from the first such number outwards; None if there is none.

    Nothing is written down on the way in: most of what is walked is in order, and a name may be as long as the record.
    """
    if isinstance(node, float):
        return None if math.isfinite(node) else []
    children: Iterable[tuple[str | int, Any]]
    if isinstance(node, dict):
        children = node.items()
    elif isinstance(node, list):
        children = enumerate(node)
    else:
        return None
    for step, child in children:
        found = _find_non_finite(child)
        if found is not None:
            found.append(step)
            return found
    return None


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
