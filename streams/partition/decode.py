"""What comes into a partition: records are decoded, their times checked, and bad ones set aside as dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from driftbell.runtime.config.model import Config
from driftbell.runtime.unreadable import Unreadable
from driftbell.runtime.wording import duration
from driftbell.schemas import DeadLetterReason, Feedback, Prediction, UnknownFields
from driftbell.schemas.bad_record import BadRecord
from driftbell.schemas.timestamps import to_epoch_ms
from driftbell.streams.errors import TooManyDeadLettersError
from driftbell.streams.partition.own_alerts.poison_records import PoisonRecords
from driftbell.streams.records import DeadLetterRecord, Input, RecordLike

_BYTES = frozenset({bytes})

#: Records of fewer bytes hold no more numbers than is worth a look.
_LARGE = 2_048


class Decoder:
    """The gate of one partition. Nothing that a record holds can make it raise, but bad records without end do.

    Args:
        counts: the partition's counts; tombstones and dead letters by reason are added.
        poison: the records to step over, which are not even decoded.
    """

    def __init__(self, partition: int, config: Config, counts: Counter[str], poison: PoisonRecords) -> None:
        self._partition = partition
        self._config = config
        self._counts = counts
        self._poison = poison
        self.max_age_ms = round(config.worker.max_age * 1000)
        self.max_future_ms = round(config.worker.max_future * 1000)
        #: Bad records since the last good one of the partition; part of the state.
        self.bad_in_a_row = 0
        self._good_before = 0
        self._letters: list[DeadLetterRecord] = []
        #: What came in fields of no contract; counted for this process, not state.
        self.unknown_fields = {source: UnknownFields() for source in Input}

    def decode(self, source: Input, records: Sequence[RecordLike]) -> list[Any]:
        """One event, ``BadRecord`` or None (a tombstone) per record."""
        if not self._poison.marked:
            return self._decode(source, records)
        letters = [self._poison.letter(source, record.offset) for record in records]
        rest = [record for record, letter in zip(records, letters, strict=True) if letter is None]
        decoded = iter(self._decode(source, rest))
        return [next(decoded) if letter is None else letter for letter in letters]

    def _decode(self, source: Input, records: Sequence[RecordLike]) -> list[Any]:
        values = [record.value for record in records]
        decode = partial(
            _decode_lean,
            source,
            max_bytes=self._config.worker.max_record_bytes,
            unknown=self.unknown_fields[source],
        )
        if not _BYTES.issuperset(map(type, values)):
            whole = [record for record in records if type(record.value) is bytes]
            decoded = iter(decode([r.value for r in whole], [r.headers for r in whole]))
            return [next(decoded) if type(value) is bytes else _unreadable(value) for value in values]
        headers = [record.headers for record in records]
        return decode(values, headers if any(headers) else None)

    def time_of(self, event: Prediction | Feedback, arrived_ms: int) -> int | BadRecord:
        """The event's own time in epoch ms, if it can be true for a record that arrived at ``arrived_ms``.

        An event without one happened when its record arrived.
        """
        if event.timestamp is None:
            return arrived_ms
        try:
            time_ms = to_epoch_ms(event.timestamp)
        except ValueError as error:
            return BadRecord(DeadLetterReason.BAD_TIMESTAMP, str(error))
        ahead_ms = time_ms - arrived_ms
        if ahead_ms > self.max_future_ms:
            return BadRecord(
                DeadLetterReason.TIMESTAMP_IN_FUTURE, f"timestamp lies {duration(ahead_ms)} after its record's"
            )
        if -ahead_ms > self.max_age_ms:
            return BadRecord(
                DeadLetterReason.TIMESTAMP_TOO_OLD, f"timestamp lies {duration(-ahead_ms)} before its record's"
            )
        return time_ms

    def too_many_models(self, name: str) -> BadRecord:
        """Why the event of one more model is a bad record."""
        most = self._config.worker.max_models_per_partition
        return BadRecord(
            DeadLetterReason.TOO_MANY_MODELS,
            f"model {name!r} would be one more than worker.max_models_per_partition ({most}) in this partition",
        )

    def reject(self, source: Input, record: RecordLike, why: BadRecord | None, good: int) -> None:
        """Set a record aside as a dead letter; a tombstone (null value) is only counted.

        Args:
            good: good records before it in this step, so that where steps are cut does not matter.

        Raises:
            TooManyDeadLettersError: nothing but bad records came.
        """
        if why is None:
            self._counts["tombstones"] += 1
            return
        self._note_good(good)
        if why.reason is DeadLetterReason.POISON_RECORD:
            self._poison.note(source, record.offset, why.detail)
        # Of one model too many the format is right: to set its events aside is all there is to do.
        self.bad_in_a_row += why.reason is not DeadLetterReason.TOO_MANY_MODELS
        self._counts[f"dead_letters_{why.reason}"] += 1
        headers = tuple(record.headers or ())
        value = None if record.value is None else bytes(record.value)
        letter = DeadLetterRecord(source, record.offset, record.key, value, headers, why.reason, why.detail)
        self._letters.append(letter)
        most = self._config.worker.max_consecutive_dead_letters
        if most and self.bad_in_a_row >= most:
            raise TooManyDeadLettersError(self._all_is_bad(letter))

    def end_of_step(self, good: int) -> None:
        """A step is over, with so many good records."""
        self._note_good(good)
        self._good_before = 0

    def take(self) -> list[DeadLetterRecord]:
        """The dead letters since the last call."""
        letters, self._letters = self._letters, []
        return letters

    def _note_good(self, good: int) -> None:
        if good > self._good_before:
            self.bad_in_a_row = 0
            self._good_before = good

    def _all_is_bad(self, last: DeadLetterRecord) -> str:
        topic = last.input.topic(self._config.topics)
        return (
            f"{self.bad_in_a_row:,} bad records in a row in {topic} [{self._partition}], the last at offset {last.offset}: "
            f"{last.reason.value}: {last.detail}. Is this the right topic and format? Nothing was skipped. Set "
            f"worker.max_consecutive_dead_letters to 0 to dead-letter them all."
        )


def _decode_lean(source: Input, values: Sequence[Any], headers: Sequence[Any] | None, **limits: Any) -> list[Any]:
    """Decode, and drop what no monitor reads: an embedding may take 2.6 MB, and a batch holds a thousand events."""
    events = source.spec.decode(values, headers, **limits)
    if source is not Input.PREDICTIONS or max(map(len, values), default=0) < _LARGE:
        return events
    return [
        msgspec.structs.replace(event, embedding=[], attributions={})
        if type(event) is Prediction and (event.embedding or event.attributions)
        else event
        for event in events
    ]


def _unreadable(value: bytes | None) -> BadRecord | None:
    return BadRecord(DeadLetterReason.UNREADABLE, value.detail) if isinstance(value, Unreadable) else None
