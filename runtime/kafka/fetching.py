"""Fetching that survives what is in the log: aiokafka raises on records that it cannot read, at every restart again.

aiokafka 0.14 lets the error out of ``getmany`` (a header name that is not UTF-8 is enough), forgets the records that it had
read before it in the same fetch, and stays where it is. ``tolerate_unreadable_records`` replaces the two classes that its
fetcher reads a response with. Every record that can be read is delivered; in the place of one that cannot stands a record
whose value is ``Unreadable``: its bytes, for the dead letters. Header names are read as Kafka's Java client reads them: what
is not UTF-8 becomes U+FFFD. A batch whose checksum is wrong may have been damaged on its way: it is fetched again first.

They also note of which leaders' epochs the batches are, which aiokafka does not say (``epochs_read``).

Source of the format: https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint
from aiokafka.structs import ConsumerRecord

from driftbell.runtime.epochs import Epochs, Span
from driftbell.runtime.unreadable import Unreadable

log = logging.getLogger(__name__)

#: How often a batch with a wrong checksum is fetched before it is given up.
TRIES: Final = 3

#: Base offset and length stand in front of every batch.
_OVERHEAD: Final = 12
#: The shortest batch that aiokafka reads: the frame, a checksum, the magic number and the attributes.
_SHORTEST: Final = _OVERHEAD + 14
_EPOCH_AT: Final = 12
_MAGIC_AT: Final = 16
#: Magic number of the format since Kafka 0.11.
_V2: Final = 2
_V2_HEAD: Final = 61
#: Where its head holds the last offset, counted from the first, and the number of records.
_LAST_OFFSET_AT: Final = 23
_COUNT_AT: Final = 57


class FetchedBatches:
    """The batches of one fetch of one partition as bytes; what aiokafka's ``MemoryRecords`` is to its fetcher.

    The last batch may have been cut off by the size of the fetch: it is left for the next one.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._end = self._frame_end()
        #: The batch that is being read.
        self.current = b""
        #: Where the epochs of the batches are noted.
        self.epochs = Epochs()
        self._noted = -1

    def has_next(self) -> bool:
        """Whether a whole batch follows."""
        return self._end is not None

    def size_in_bytes(self) -> int:
        """Of the fetch."""
        return len(self._data)

    def next_batch(self) -> Any:
        """aiokafka's reader of the next batch; where the length that it states is impossible, of all that is left.

        Raises:
            CorruptRecordException: the batch ends before its last record.
        """
        end = self._end or len(self._data)
        self.current, self._at = self._data[self._at : end], end
        self._end = self._frame_end()
        self._note_epoch()
        if _ends_too_early(self.current):
            raise CorruptRecordException("a batch that ends before its last record")
        return MemoryRecords(self.current).next_batch()

    def _note_epoch(self) -> None:
        if not _is_v2(self.current):
            return
        (epoch,) = struct.unpack_from(">i", self.current, _EPOCH_AT)
        # Asked of each batch: most are of the epoch of the one before.
        if epoch >= 0 and epoch != self._noted:
            self._noted = epoch
            (start,) = struct.unpack_from(">q", self.current, 0)
            self.epochs.note(start, epoch)

    def _frame_end(self) -> int | None:
        left = len(self._data) - self._at
        if left < _OVERHEAD:
            return None
        (length,) = struct.unpack_from(">i", self._data, self._at + 8)
        size = _OVERHEAD + length
        if size < _SHORTEST:
            return len(self._data)
        return self._at + size if size <= left else None


class TolerantRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's reading of one fetch of one partition, which goes on behind what cannot be read."""

    #: How often the batch at an offset was fetched in vain; of the process, as each fetch makes its own reader.
    _tries: ClassVar[dict[TopicPartition, tuple[int, int]]] = {}

    #: The epochs of what was read last; of the process as well.
    read: ClassVar[dict[TopicPartition, Epochs]] = {}

    _records: Any
    _tp: TopicPartition
    next_fetch_offset: int
    _records_iterator: Iterator[ConsumerRecord]

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Go on where the last iteration stopped; the generator itself, as ``__next__`` would cost a call for each record."""
        return self._records_iterator

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        batches: FetchedBatches = self._records
        batches.epochs = self.read.setdefault(self._tp, Epochs())
        while batches.has_next():
            try:
                # aiokafka's own reading; it knows transactions. The records before an error are delivered.
                yield from super()._unpack_records()
            except Exception as error:
                if _checksum_is_wrong(batches.current) and not self._give_up():
                    log.warning("a batch cannot be read, fetching it again: %s offset %d: %r",
                                self._tp, self.next_fetch_offset, error)  # fmt: skip
                    return
                log.error("records cannot be read: %s from offset %d on: %r", self._tp, self.next_fetch_offset, error)
                yield from self._readable(batches.current, error)

    def _give_up(self) -> bool:
        """Whether the batch at the present offset has been fetched often enough."""
        offset, tries = self._tries.get(self._tp, (-1, 0))
        tries = tries + 1 if offset == self.next_fetch_offset else 1
        self._tries[self._tp] = self.next_fetch_offset, tries
        return tries >= TRIES

    def _readable(self, batch: bytes, error: Exception) -> Iterator[ConsumerRecord]:
        """The rest of a batch: its records one by one, and where that is impossible one ``Unreadable`` for all."""
        start = self.next_fetch_offset
        try:
            if _checksum_is_wrong(batch):
                raise CorruptRecordException("the checksum of the batch is wrong")
            opened = _DefaultRecordBatchPy(batch)
            opened._maybe_uncompress()
        except Exception as why:
            self.next_fetch_offset = max(start + 1, _offset_after(batch))
            detail = f"a batch of records cannot be read: {why!r} ({error!r})"
            yield _unreadable(self._tp, start, _timestamp_of(batch), batch, detail)
            return
        for record in _records_of(opened, self._tp):
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                yield record
        self.next_fetch_offset = max(self.next_fetch_offset, opened.next_offset, start + 1)


def tolerate_unreadable_records() -> None:
    """Have every aiokafka consumer of this process read on behind records that cannot be read. Safe to repeat."""
    fetcher.MemoryRecords = FetchedBatches
    fetcher.PartitionRecords = TolerantRecords


def epochs_read(tp: tuple[str, int], first: int, last: int) -> list[Span]:
    """Where the epochs begin of the records from offset ``first`` to ``last``, which this process has just read."""
    read = TolerantRecords.read.get(TopicPartition(*tp))
    return [] if read is None else read.between(first, last)


def _records_of(batch: _DefaultRecordBatchPy, tp: TopicPartition) -> Iterator[ConsumerRecord]:
    """All records of an opened batch in order; the last one may stand for all that follow it."""
    data, at = batch._buffer, batch._pos
    offset, timestamp = batch.base_offset, batch.first_timestamp
    for _ in range(batch._num_records):
        try:
            length, start = decode_varint(data, at)
            if not 0 < length <= len(data) - start:
                raise ValueError(f"a record of {length} bytes where {len(data) - start} are left")
        except (ValueError, IndexError) as error:
            detail = f"the rest of a batch cannot be read: {error!r}"
            yield _unreadable(tp, offset, timestamp, bytes(data[at:]), detail)
            return
        at = start + length
        body = data[start:at]
        try:
            record = _parsed(batch, tp, body)
            # An offset that would lead backwards, or out of the batch, is none.
            if not offset <= record.offset < batch.next_offset:
                raise ValueError(f"offset {record.offset}")
        except (ValueError, IndexError) as error:
            record = _unreadable(tp, offset, timestamp, bytes(body), f"the record cannot be read: {error!r}")
        yield record
        offset = record.offset + 1


def _parsed(batch: _DefaultRecordBatchPy, tp: TopicPartition, body: bytearray) -> ConsumerRecord:
    """One record; raises ValueError or IndexError."""
    delta, at = decode_varint(body, 1)
    offset_delta, at = decode_varint(body, at)
    timestamp = batch.max_timestamp if batch.timestamp_type else batch.first_timestamp + delta
    key, at = _bytes(body, at)
    value, at = _bytes(body, at)
    count, at = decode_varint(body, at)
    if not 0 <= count <= len(body):
        raise ValueError(f"{count} headers")
    headers = []
    for _ in range(count):
        name, at = _bytes(body, at)
        content, at = _bytes(body, at)
        if name is None:
            raise ValueError("a header without a name")
        headers.append((name.decode("utf-8", "replace"), content))
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes too many")
    return _record(tp, batch.base_offset + offset_delta, timestamp, batch.timestamp_type, key, value, tuple(headers))


def _bytes(body: bytearray, at: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(body, at)
    if length < 0:
        return None, at
    if at + length > len(body):
        raise ValueError(f"{length} bytes where {len(body) - at} are left")
    return bytes(body[at : at + length]), at + length


def _unreadable(tp: TopicPartition, offset: int, timestamp: int, data: bytes, detail: str) -> ConsumerRecord:
    return _record(tp, offset, timestamp, 0, None, Unreadable(data, detail), ())


def _record(
    tp: TopicPartition,
    offset: int,
    timestamp: int,
    timestamp_type: int,
    key: bytes | None,
    value: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
) -> ConsumerRecord:
    sizes = [-1 if part is None else len(part) for part in (key, value)]
    return ConsumerRecord(tp.topic, tp.partition, offset, timestamp, timestamp_type, key, value, None, *sizes, headers)


def _is_v2(batch: bytes) -> bool:
    return len(batch) >= _V2_HEAD and batch[_MAGIC_AT] == _V2


def _ends_too_early(batch: bytes) -> bool:
    """Whether its head would lead the position backwards, and the same batch would be fetched for ever."""
    if not _is_v2(batch):
        return False
    # Asked of each batch, and so not of aiokafka's reader in Python.
    (last,) = struct.unpack_from(">i", batch, _LAST_OFFSET_AT)
    (count,) = struct.unpack_from(">i", batch, _COUNT_AT)
    return bool(last < max(0, count - 1))


def _checksum_is_wrong(batch: bytes) -> bool:
    return _is_v2(batch) and not _DefaultRecordBatchPy(batch).validate_crc()


def _offset_after(batch: bytes) -> int:
    """The offset behind a batch that cannot be opened, as far as its head can be believed; else 0.

    Base offset and length are the broker's own; a last offset that does not fit the number of records is not believed, and the
    batch is then passed one offset at a time.
    """
    if not _is_v2(batch):
        return 0
    head = _DefaultRecordBatchPy(batch)
    fits = 0 <= head.last_offset_delta == head._num_records - 1
    return int(head.next_offset) if fits else 0


def _timestamp_of(batch: bytes) -> int:
    return int(_DefaultRecordBatchPy(batch).first_timestamp) if _is_v2(batch) else -1
