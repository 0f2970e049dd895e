"""What services write beside the contract and is taken all the same. Only records that the decoder refused come here.

The bytes are corrected and decoded again, so that there is one decoder and one explanation of what it refuses. Taken are:

- a byte order mark, and the Schema Registry's frame around JSON;
- a structured CloudEvent without the header that announces it;
- a whole number where text is wanted: in identifiers, ``request_id`` and tags (there also true and false);
- fields that the contract does not name: left out, and named to the caller, who counts them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from driftbell.schemas.bad_record import DECODE_ERRORS, explain
from driftbell.schemas.cloudevents import is_envelope, open_envelope
from driftbell.schemas.contract import Contract
from driftbell.schemas.framing import unframed

#: Whole numbers outside of 64 bits are no ids that anybody counts with.
MIN_NUMBER, MAX_NUMBER = -(2**63), 2**64 - 1

_NUMBER_STARTS = frozenset(b"-0123456789")
_TRUTHS = (b"true", b"false")

_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Corrected(NamedTuple):
    """Bytes that may be decoded, and the fields that were left out of them."""

    value: bytes
    unknown: tuple[str, ...] = ()


def correct(value: bytes, contract: Contract[Any], *, inside: bool = False) -> Corrected:
    """The event of a record that the decoder of ``contract`` refused, as far as it can be corrected.

    Args:
        value: the record's value, or what a CloudEvent held.
        inside: it comes out of an envelope already.

    Raises:
        BadRecord: it is no JSON object, or looks like an envelope and is none.
    """
    value = unframed(value)
    try:
        fields = _fields_decoder.decode(value)
    except DECODE_ERRORS as error:
        raise explain(value, error) from None
    if not inside and is_envelope(fields) and not contract.required <= fields.keys():
        return correct(open_envelope(value), contract, inside=True)
    known = contract.fields
    unknown = tuple([name for name in fields if name not in known])
    for name in unknown:
        del fields[name]
    for name in contract.texts:
        if (raw := fields.get(name)) is not None:
            fields[name] = _as_text(raw)
    if (tags := fields.get("tags")) is not None:
        fields["tags"] = _tags_as_text(tags)
    return Corrected(msgspec.json.encode(fields), unknown)


def whole_number(raw: msgspec.Raw) -> str | None:
    """The digits of a whole number in JSON, also of one that is written ``17.0``; None for anything else."""
    encoded = bytes(raw)
    if not encoded or encoded[0] not in _NUMBER_STARTS:
        return None
    try:
        number = msgspec.json.decode(encoded)
    except DECODE_ERRORS:
        return None
    if isinstance(number, float) and not number.is_integer():
        return None
    return str(int(number)) if MIN_NUMBER <= number <= MAX_NUMBER else None


def _as_text(raw: msgspec.Raw) -> msgspec.Raw:
    digits = whole_number(raw)
    return raw if digits is None else msgspec.Raw(f'"{digits}"')


def _tags_as_text(raw: msgspec.Raw) -> msgspec.Raw:
    try:
        tags = _fields_decoder.decode(raw)
    except DECODE_ERRORS:
        return raw
    return msgspec.Raw(
        msgspec.json.encode(
            {
                name: msgspec.Raw(b'"' + bytes(tag) + b'"') if bytes(tag) in _TRUTHS else _as_text(tag)
                for name, tag in tags.items()
            }
        )
    )
