"""The stored form of the router's records."""

from __future__ import annotations

import zlib

import msgspec
import pytest

from driftbell.alerting.errors import DamagedRecordError, NewerFormatError
from driftbell.alerting.outbox.delivery_queue import enqueue_firing, new_queue
from driftbell.alerting.state.encoding import FORMAT, decode, encode
from driftbell.alerting.state.records import DeadDelivery, DeliveryQueue, Entry, Group, Kind, LogEntry
from driftbell.alerting.state.store import Table
from driftbell.alerting.state.tables import load
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


def sealed(version: int, body: bytes) -> bytes:
    data = bytes((version,)) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_reads_back_as_it_was(record: msgspec.Struct) -> None:
    assert decode(encode(record), type(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_field_that_is_not_known_yet_is_passed_over(record: msgspec.Struct) -> None:
    content = msgspec.msgpack.decode(encode(record)[1:-4]) | {"from_the_future": {"x": [1]}}

    assert decode(sealed(FORMAT, msgspec.msgpack.encode(content)), type(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_of_before_checksums_is_read(record: msgspec.Struct) -> None:
    assert decode(b"\x01" + msgspec.msgpack.encode(record), type(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_no_damage_to_a_byte_loads_or_is_taken_for_a_newer_router(record: msgspec.Struct) -> None:
    whole = encode(record)
    for at in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            with pytest.raises(DamagedRecordError):
                decode(whole[:at] + bytes((whole[at] ^ flip,)) + whole[at + 1 :], type(record))
        with pytest.raises(DamagedRecordError):
            decode(whole[:at], type(record))


def test_a_damaged_record_is_left_out_and_named_and_the_rest_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    entry, group, kept_queue, dead = RECORDS
    tables = {
        Table.ENTRIES: {"f": encode(entry), "torn": encode(entry)[:-9]},
        Table.GROUPS: {"g": encode(group), "other": b"\x02"},
        Table.QUEUES: {"q": encode(kept_queue)},
        Table.DEAD: {"d": encode(dead)},
        Table.OFFSETS: {"0": b"17", "1": b"\xff"},
    }

    state = load(tables)

    assert state.left_out == ("offsets 1", "entries torn", "groups other")
    assert [*state.entries.values(), *state.groups.values()] == [entry, group]
    assert state.offsets == {0: 17}
    assert caplog.text.count("left out") == 3


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    data = sealed(FORMAT + 1, encode(RECORDS[0])[1:-4])
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}.* run the newer version"):
        decode(data, Entry)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\xc1", b"\x01\x80", b"\x00"])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedRecordError, match="stored DeliveryQueue cannot be read"):
        decode(data, DeliveryQueue)
