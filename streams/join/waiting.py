"""Labels that came before their prediction. All are in memory: they are few, and bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from driftbell.schemas import Feedback
from driftbell.streams.batch import Label
from driftbell.streams.encoding import BadStateError, NewerFormatError, pack, unpack

#: Version of the packing, first in every entry.
FORM: Final = 1

#: What a waiting label takes beside its texts, with its key and its places in two mappings; and a tag (two strings).
LABEL_BYTES: Final = 600
TAG_BYTES: Final = 150


class WaitingLabel(msgspec.Struct, frozen=True, gc=False):
    """One label without a prediction."""

    #: Position in the order of arrival.
    order: int
    #: Stream time in seconds at which the wait is over.
    until_s: int
    model: str
    label: Label
    weight: float
    labelled_ms: int
    tags: dict[str, str]


class WaitingLabels:
    """Waiting labels by key, oldest first.

    Args:
        horizon_ms: How long a label waits at least.
        limit: Most labels that wait; beyond it the oldest are given up.
        limit_bytes: ... and the memory they take, about. It is a function of what they hold, and so is what is given up.
    """

    def __init__(self, horizon_ms: int, limit: int, limit_bytes: int) -> None:
        self._horizon_s = horizon_ms // 1000
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._labels: OrderedDict[bytes, WaitingLabel] = OrderedDict()
        #: How many wait, by model.
        self.by_model: Counter[str] = Counter()
        #: Keys changed since the last ``take``.
        self._changed: dict[bytes, None] = {}
        self._order = 0
        #: Labels that ``restore`` could not read.
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._labels)

    def __contains__(self, key: bytes) -> bool:
        return key in self._labels

    def any_of(self, keys: Iterable[bytes]) -> bool:
        """Whether a label waits for one of ``keys``."""
        return bool(self._labels) and not self._labels.keys().isdisjoint(keys)

    def get(self, key: bytes) -> WaitingLabel | None:
        """The label that waits under ``key``."""
        return self._labels.get(key)

    def put(self, key: bytes, event: Feedback, tags: dict[str, str], labelled_ms: int, now_ms: int) -> None:
        """Let a label wait, with what is kept of its tags. One that replaces another keeps its place: none waits for ever."""
        earlier = self._labels.get(key)
        if earlier is None:
            # The start of the next second: expiry must not depend on the milliseconds at which somebody looks.
            order, until_s = self._order, now_ms // 1000 + 1 + self._horizon_s
            self._order += 1
            self.by_model[event.model] += 1
        else:
            order, until_s = earlier.order, earlier.until_s
            self._bytes -= _size(earlier)
        label = WaitingLabel(order, until_s, event.model, event.label, event.weight, labelled_ms, tags)
        self._labels[key] = label
        self._bytes += _size(label)
        self._changed[key] = None

    def pop(self, key: bytes) -> WaitingLabel:
        """The label that waits under ``key``, which waits no longer; raises KeyError."""
        label = self._labels.pop(key)
        self._bytes -= _size(label)
        self._count_out(label)
        self._changed[key] = None
        return label

    def expire(self, now_ms: int) -> int:
        """Give up labels whose wait is over; returns how many."""
        gone = 0
        now_s = now_ms // 1000
        while self._labels and next(iter(self._labels.values())).until_s <= now_s:
            self._pop_oldest()
            gone += 1
        return gone

    def overflow(self) -> int:
        """Give up the oldest beyond the limit; returns how many."""
        gone = 0
        while len(self._labels) > self._limit or self._bytes > self._limit_bytes:
            self._pop_oldest()
            gone += 1
        return gone

    def due_ms(self) -> int | None:
        """The stream time at which the next label is given up."""
        return next(iter(self._labels.values())).until_s * 1000 if self._labels else None

    def take(self) -> tuple[dict[bytes, bytes], list[bytes]]:
        """What to write and what to delete since the last call."""
        wait, unwait = {}, []
        for key in self._changed:
            label = self._labels.get(key)
            if label is None:
                unwait.append(key)
            else:
                wait[key] = pack([FORM, *_fields(label)])
        self._changed = {}
        return wait, unwait

    def state(self) -> int:
        """The next position; the labels themselves are stored one by one."""
        return self._order

    def restore(self, state: int, stored: Mapping[bytes, bytes]) -> None:
        """Continue from ``state`` and the labels written by ``take``."""
        self._order = state
        labels: dict[bytes, WaitingLabel] = {}
        for key, packed in stored.items():
            try:
                labels[key] = _open(packed)
            except NewerFormatError:
                raise
            except BadStateError:
                self.left_out += 1
        self._labels = OrderedDict(sorted(labels.items(), key=lambda item: item[1].order))
        self._bytes = sum(map(_size, labels.values()))
        self.by_model = Counter(label.model for label in self._labels.values())
        # What could not be read is deleted with the next save.
        self._changed = dict.fromkeys(stored.keys() - labels.keys())

    def _pop_oldest(self) -> None:
        key, label = self._labels.popitem(last=False)
        self._bytes -= _size(label)
        self._count_out(label)
        self._changed[key] = None

    def _count_out(self, label: WaitingLabel) -> None:
        self.by_model[label.model] -= 1
        if not self.by_model[label.model]:
            del self.by_model[label.model]


def _size(label: WaitingLabel) -> int:
    """Bytes that a label takes in memory, about: a text is taken at one byte a character, as nearly all are."""
    text = len(label.label) if type(label.label) is str else 0
    return (
        LABEL_BYTES
        + len(label.model)
        + text
        + sum(TAG_BYTES + len(name) + len(value) for name, value in label.tags.items())
    )


def _fields(label: WaitingLabel) -> tuple[Any, ...]:
    return msgspec.structs.astuple(label)


def _open(packed: bytes) -> WaitingLabel:
    entry = unpack(packed)
    if not isinstance(entry, list) or len(entry) != 8 or type(entry[0]) is not int:
        raise BadStateError("a waiting label is damaged")
    if entry[0] > FORM:
        raise NewerFormatError("waiting label", entry[0], FORM)
    try:
        return msgspec.convert(dict(zip(WaitingLabel.__struct_fields__, entry[1:], strict=True)), WaitingLabel)
    except msgspec.ValidationError as error:
        raise BadStateError(f"a waiting label is damaged: {error}") from error
