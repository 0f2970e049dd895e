"""The stored form of the router's records."""

from __future__ import annotations

import msgspec
import pytest

from driftbell.alerting.errors import NewerFormatError, RefusedError
from driftbell.alerting.outbox.delivery_queue import enqueue_firing, new_queue
from driftbell.alerting.state.encoding import FORMAT, decode, encode
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Entry, Group, Kind, LogEntry
from tests.alerting.alerts import make_alert
from tests.alerting.channels.deliveries import delivery


def queue() -> DeliveryQueue:
    made = new_queue("g", "oncall/slack[0]")
    enqueue_firing(made, delivery().notification, "subject", 7)
    made.incidents[0].handle = {"channel": "C1", "ts": "1.2"}
    return made


RECORDS: list[msgspec.Struct] = [
    Entry(fingerprint="f", episode=3, status="firing", updated_ms=5, alert=make_alert(), groups={"a", "b"}),
    Group(
        id="g",
        route_id="{}",
        key="{}:{}",
        labels={"model": "ä"},
        created_ms=1,
        next_flush_ms=2,
        members={"f"},
        log={"oncall/slack[0]": LogEntry(at_ms=1, firing=frozenset({"f"}))},
    ),
    queue(),
    DeadDelivery(
        delivery_id="d", destination="x", kind=Kind.TRIGGER, reason="r", last_reason="l", last_error="e", attempts=1,
        subject="s", at_ms=1,
    ),
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_reads_back_as_it_was(record: msgspec.Struct) -> None:
    assert decode(encode(record), type(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_field_that_is_not_known_yet_is_passed_over(record: msgspec.Struct) -> None:
    content = msgspec.msgpack.decode(encode(record)[1:]) | {"from_the_future": {"x": [1]}}

    assert decode(bytes((FORMAT,)) + msgspec.msgpack.encode(content), type(record)) == record


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    data = bytes((FORMAT + 1,)) + encode(RECORDS[0])[1:]
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}.* run the newer version"):
        decode(data, Entry)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\xc1", b"\x01\x80", b"\x00"])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError, match="stored DeliveryQueue cannot be read"):
        decode(data, DeliveryQueue)
