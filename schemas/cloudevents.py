"""CloudEvents 1.0 over Kafka: accepted on input, written on alerts.

Binary mode puts the attributes into headers ``ce_*`` and leaves the value as it is: its reader need not know.
Structured mode (``content-type: application/cloudevents+json``) wraps the value; ``unwrap`` takes the wrapping off. An
event without a timestamp of its own has the CloudEvent's (``time_of``).
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md and
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import base64
from collections.abc import Container

import msgspec

from driftbell.schemas.alert import Alert
from driftbell.schemas.bad_record import DECODE_ERRORS, BadRecord, explain
from driftbell.schemas.dead_letter import DeadLetterReason
from driftbell.schemas.framing import unframed
from driftbell.schemas.headers import Headers

PREFIX = "ce_"
SPEC_VERSION = "1.0"
ALERT_TYPE = "io.driftbell.alert.v1"
#: The ``$id`` of ``schemas/jsonschema/alert.v1.json``.
ALERT_SCHEMA = "urn:driftbell:schema:alert:v1"
JSON_CONTENT = b"application/json"

#: Kafka's binding writes it in lower case; bridges copy it from HTTP as they find it.
_CONTENT_TYPE_NAMES = ("content-type", "Content-Type")
#: The media type of structured mode in JSON; parameters such as ``; charset=utf-8`` may follow.
_STRUCTURED_JSON = "application/cloudevents+json"
#: Structured or batched CloudEvents in any other format (Avro, Protobuf, batches): known, but not read.
_STRUCTURED_ANY = "application/cloudevents"


class _Envelope(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    # msgspec does not read Raw in a union; no bytes stand for no data.
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None
    time: str | None = None


_decoder = msgspec.json.Decoder(_Envelope)


class Attributes(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The CloudEvents attributes of one record, as far as its headers give them. None is required of an input."""

    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | None = None
    time: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None


def unwrap(value: bytes, headers: Headers) -> bytes:
    """The event inside ``value``: ``data`` of a structured CloudEvent, else ``value`` itself.

    Raises:
        BadRecord: the headers announce a structured CloudEvent and it is none, or one in a format that is not read.
    """
    content_type = _content_type(headers)
    if not content_type.startswith(_STRUCTURED_ANY):
        return value
    if content_type != _STRUCTURED_JSON:
        raise _bad(f"content-type {content_type} is not read; use {_STRUCTURED_JSON} or binary mode")
    return open_envelope(unframed(value))


def is_envelope(fields: Container[str]) -> bool:
    """Whether an object with these fields is probably a structured CloudEvent, announced or not."""
    return "specversion" in fields and ("data" in fields or "data_base64" in fields)


def open_envelope(value: bytes) -> bytes:
    """``data`` of a structured CloudEvent.

    Raises:
        BadRecord: it is none.
    """
    try:
        envelope = _decoder.decode(value)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    except DECODE_ERRORS as error:
        raise explain(value, error) from None
    if envelope.specversion != SPEC_VERSION:
        raise _bad(f"specversion {envelope.specversion!r} is not {SPEC_VERSION}")
    if data := bytes(envelope.data):
        return data
    if envelope.data_base64 is None:
        raise _bad("the envelope has no data")
    try:
        return base64.b64decode(envelope.data_base64, validate=True)
    except ValueError as error:  # binascii.Error, or text that is not even ASCII
        raise _bad(f"data_base64: {error}") from None


def time_of(value: bytes, headers: Headers) -> str | None:
    """The attribute ``time`` of a record: of the envelope that the value is, else of the header; None without one."""
    for name, header in headers:
        if name == PREFIX + "time" and header is not None:
            return header.decode(errors="replace")
    try:
        return _decoder.decode(unframed(value)).time
    except DECODE_ERRORS:
        return None


def read_attributes(headers: Headers) -> Attributes:
    """The attributes of a record in binary mode; unknown ones are left out, bytes that are not UTF-8 replaced."""
    found = {
        name.removeprefix(PREFIX): value.decode(errors="replace")
        for name, value in headers
        if value is not None and name.startswith(PREFIX)
    }
    return msgspec.convert(found, Attributes)


def alert_headers(alert: Alert, source: str) -> list[tuple[str, bytes]]:
    """The headers of an alert in binary mode, with the ``traceparent`` of the event that raised it.

    ``source`` is who says so, a non-empty URI reference; with ``alert.id`` it identifies the event.
    """
    headers = [
        ("content-type", JSON_CONTENT),
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", alert.id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", ALERT_TYPE.encode()),
        ("ce_subject", (alert.labels.get("model") or alert.fingerprint).encode()),
        ("ce_time", alert.updatedAt.encode()),
        ("ce_dataschema", ALERT_SCHEMA.encode()),
    ]
    if alert.traceparent is not None:
        headers.append(("traceparent", alert.traceparent.encode()))
    return headers


def _content_type(headers: Headers) -> str:
    for name, value in headers:
        if name in _CONTENT_TYPE_NAMES and value is not None:
            return value.decode(errors="replace").partition(";")[0].strip().lower()
    return ""


def _bad(detail: str) -> BadRecord:
    return BadRecord(DeadLetterReason.BAD_CLOUDEVENT, detail)
