"""What aiokafka cannot read stops no consumer: it is delivered as bytes, and everything around it as ever."""

from __future__ import annotations

import random
import struct

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord

from driftbell.runtime.kafka.fetching import (
    TRIES,
    FetchedBatches,
    TolerantRecords,
    epochs_read,
    tolerate_unreadable_records,
)
from driftbell.runtime.unreadable import Unreadable

TP = TopicPartition("predictions", 3)
NAME = b"header-name"
NO_COMPRESSION, GZIP = 0, 1


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> None:
    TolerantRecords._tries.clear()


def batch(first: int, count: int = 3, *, compression: int = NO_COMPRESSION) -> bytes:
    """Records ``first`` to ``first + count - 1`` with values v0, v1, ... and one header each."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1_000_000)
    for number in range(count):
        builder.append(number, 1000 + number, b"key", b"v%d" % (first + number), [(NAME.decode(), b"1")])
    return placed(bytes(builder.build()), first)


def placed(data: bytes, first: int) -> bytes:
    """The batch as a broker stores it: with its base offset. Its checksum does not cover that."""
    return struct.pack(">q", first) + data[8:]


def signed(data: bytes) -> bytes:
    """The batch with the right checksum, as if its producer had meant every byte."""
    return data[:17] + struct.pack(">I", calc_crc32c(data[21:])) + data[21:]


def reader(data: bytes, start: int = 0) -> TolerantRecords:
    """A fetch of ``data`` from ``start`` on."""
    return TolerantRecords(TP, FetchedBatches(data), [], start, None, None, True, 0)


def offsets(records: list[ConsumerRecord]) -> list[int]:
    """Where they stand."""
    return [record.offset for record in records]


def test_what_can_be_read_is_read_as_aiokafka_reads_it() -> None:
    data = batch(0) + batch(3, compression=GZIP)
    found = reader(data)
    theirs = (
        fetcher.PartitionRecords.__mro__[-2]
        if fetcher.PartitionRecords is TolerantRecords
        else fetcher.PartitionRecords
    )

    from aiokafka.record.memory_records import MemoryRecords

    assert list(found) == list(theirs(TP, MemoryRecords(data), [], 0, None, None, True, 0))
    assert found.next_fetch_offset == 6


def test_a_header_name_that_is_not_utf_8_is_read_as_the_java_client_reads_it() -> None:
    data = signed(batch(0).replace(NAME, b"header-n\xff\xfee", 1)) + batch(3)
    found = reader(data)
    records = list(found)

    assert [record.value for record in records] == [b"v0", b"v1", b"v2", b"v3", b"v4", b"v5"]
    assert records[0].headers == (("header-n\ufffd\ufffde", b"1"),)
    assert (records[0].topic, records[0].partition, records[0].key, records[0].timestamp) == (
        "predictions",
        3,
        b"key",
        1000,
    )
    assert found.next_fetch_offset == 6


def test_a_damaged_record_is_delivered_as_bytes_and_its_neighbours_as_ever() -> None:
    data = batch(0)
    at = data.index(b"v1")
    # The value claims to be longer than the record.
    broken = signed(data[: at - 1] + b"\x7e" + data[at:])
    records = list(reader(broken + batch(3)))

    assert offsets(records) == [0, 1, 2, 3, 4, 5]
    assert isinstance(records[1].value, Unreadable)
    assert bytes(records[1].value).count(b"v1") == 1
    assert "cannot be read" in records[1].value.detail
    assert [r.value for r in records if not isinstance(r.value, Unreadable)] == [b"v0", b"v2", b"v3", b"v4", b"v5"]


def test_what_was_read_before_the_damage_is_not_delivered_twice() -> None:
    data = signed(batch(0).replace(NAME, b"header-n\xff\xfee"))

    assert offsets(list(reader(data, start=2))) == [2]


def test_the_rest_of_a_batch_that_cannot_be_read_is_one_record() -> None:
    data = batch(0)
    at = data.index(b"v1")
    # The length in front of the second record is impossible.
    length_at = data.rindex(b"key", 0, at) - 5
    found = reader(signed(data[:length_at] + b"\xff\x7f" + data[length_at + 2 :]) + batch(3))
    records = list(found)

    assert offsets(records) == [0, 1, 3, 4, 5]
    assert isinstance(records[1].value, Unreadable)
    assert found.next_fetch_offset == 6


def test_a_wrong_checksum_is_fetched_again_before_it_is_given_up() -> None:
    data = batch(0, 2)
    data += batch(2).replace(b"v3", b"xx") + batch(5)
    first = reader(data)

    assert offsets(list(first)) == [0, 1]
    assert first.next_fetch_offset == 2, "the next fetch begins with the batch that could not be read"
    for _ in range(TRIES - 2):
        again = reader(data[len(batch(0, 2)) :], start=2)
        assert list(again) == []
        assert again.next_fetch_offset == 2
    records = list(reader(data[len(batch(0, 2)) :], start=2))

    assert offsets(records) == [2, 5, 6, 7]
    assert isinstance(records[0].value, Unreadable)
    assert "checksum" in records[0].value.detail


def test_a_checksum_that_is_right_the_second_time_loses_nothing() -> None:
    data = batch(2)

    assert list(reader(data.replace(b"v3", b"xx"), start=2)) == []
    assert [record.value for record in reader(data, start=2)] == [b"v2", b"v3", b"v4"]


@pytest.mark.parametrize("attributes", [5, 6, 7, GZIP])
def test_a_batch_that_cannot_be_decompressed_is_one_record(attributes: int) -> None:
    data = batch(0)
    records = list(reader(signed(data[:21] + struct.pack(">h", attributes) + data[23:]) + batch(3)))

    assert offsets(records) == [0, 3, 4, 5]
    assert isinstance(records[0].value, Unreadable)


def test_a_batch_cut_off_by_the_fetch_is_left_for_the_next_one() -> None:
    found = reader(batch(0) + batch(3)[:-1])

    assert offsets(list(found)) == [0, 1, 2]
    assert found.next_fetch_offset == 3


@pytest.mark.slow
def test_no_bytes_make_it_raise_or_stand_still() -> None:
    draw = random.Random(20)
    for _ in range(3000):
        TolerantRecords._tries.clear()
        whole = bytearray(batch(0, 4, compression=draw.choice((NO_COMPRESSION, GZIP))))
        for _ in range(draw.randrange(1, 5)):
            whole[draw.randrange(8 if draw.random() < 0.2 else 21, len(whole))] = draw.randrange(256)
        data = signed(bytes(whole)) if draw.random() < 0.8 else bytes(whole)
        if not FetchedBatches(data).has_next():
            continue  # it looks as if cut off by the fetch
        position, seen = 0, 0
        while position < 4 and seen < 20:
            found = reader(data, position)
            records = list(found)
            assert offsets(records) == sorted(set(offsets(records)))
            assert all(record.offset >= position for record in records)
            position, seen = found.next_fetch_offset, seen + 1

        assert position >= 4, "the batch is passed in the end"


def test_it_is_installed_where_aiokafka_looks() -> None:
    tolerate_unreadable_records()
    tolerate_unreadable_records()

    assert fetcher.PartitionRecords is TolerantRecords
    assert fetcher.MemoryRecords is FetchedBatches


def led_in(epoch: int, data: bytes) -> bytes:
    """The batch as the leader of an epoch stores it. Its checksum does not cover that."""
    return data[:12] + struct.pack(">i", epoch) + data[16:]


def test_of_which_epochs_the_records_are_is_noted() -> None:
    TolerantRecords.read.clear()
    data = led_in(2, batch(0)) + led_in(2, batch(3)) + led_in(5, batch(6))
    assert offsets(list(reader(data))) == list(range(9))

    assert epochs_read(TP, 0, 8) == [(0, 2), (6, 5)]
    assert epochs_read(TP, 1, 4) == [(0, 2)]
    assert epochs_read(TP, 7, 8) == [(6, 5)]
    # Fetched again after a seek, of a log that has other records now.
    assert offsets(list(reader(led_in(7, batch(3)), 4))) == [4, 5]
    assert epochs_read(TP, 4, 5) == [(3, 7)]
    assert epochs_read(TopicPartition("feedback", 3), 0, 8) == []


def test_a_batch_without_an_epoch_says_nothing() -> None:
    TolerantRecords.read.clear()
    assert offsets(list(reader(led_in(-1, batch(0))))) == [0, 1, 2]

    assert epochs_read(TP, 0, 2) == []
