"""Learns one column's profile from its first values."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from driftbell.schemas import FeatureValue
from driftbell.streams.reference.calendar import are_date_texts, are_dates
from driftbell.streams.reference.numbers import learn_numbers
from driftbell.streams.reference.profile import Categories, Kind, Numbers, Profile, Unwatched
from driftbell.streams.reference.reading import TRUTH, floats_of, relative, relative_number, shortened, texts_of
from driftbell.streams.reference.text_counts import certain, grouped, groups_for, slot_counts, text_hash
from driftbell.streams.reference.trend import monotonic
from driftbell.streams.versioned import Array, Versioned

#: Values below which a distribution is not compared: the rank tolerance would exceed 0.11.
MIN_VALUES = 100
#: The share of a column's values that must be of one type.
_ONE_TYPE = 0.9
#: The share of values that must fall into known categories, or the column is an identifier.
_COVERED = 0.5
#: Texts counted while learning, per category kept in the end.
_SPARE = 4
#: Numbers of a column whose first is larger are kept relative to it, so that float32 tells neighbours apart.
_LARGE = 2.0**20
#: Integers up to it are the same as floats.
_EXACT = 2**53
#: Distinct numbers of a column that may all be dates.
_MOST_DATES = 400
#: Thinning of a categorical column whose neighbours are equal more often than chance (statistics, block rule: 25).
_EVERY = 25
_DEPENDENT = 0.05


class ColumnCounts(msgspec.Struct, frozen=True, array_like=True):
    """Events, those without a value, texts, equal neighbours, and the most by which a count of a text is too low."""

    events: int
    missing: int
    texts: int
    repeats: int
    uncertain: int


class ColumnLearnerState(Versioned, frozen=True):
    """What a column was seen to hold."""

    name: str
    events: ColumnCounts
    texts: dict[str, int]
    truths: dict[str, int]
    numbers: Array | None = None
    last: str | None = None
    #: What the numbers are relative to, and the texts by slot of their hash.
    base: float | None = None
    slots: Array | None = None


class ColumnLearner:
    """Gathers the first values of a column: numbers as float32, texts as bounded counts (Misra & Gries 1982)."""

    __slots__ = (
        "_base",
        "_events",
        "_last",
        "_max_categories",
        "_missing",
        "_numbers",
        "_repeats",
        "_slots",
        "_text_events",
        "_texts",
        "_truths",
        "_uncertain",
        "name",
    )

    def __init__(self, name: str, max_categories: int, absent: int = 0) -> None:
        """``absent``: events before the column was first seen."""
        self.name = name
        self._max_categories = max_categories
        self._events = absent
        self._missing = absent
        #: float32 on end. An array of its own per batch would cost a hundred bytes more each: gigabytes for a thousand models
        #: that learn from a few events a second.
        self._numbers = array("f")
        self._base: float | None = None
        # Most columns are of one type: what only texts or booleans need is made with the first of them.
        self._texts: Counter[str] | None = None
        self._truths: Counter[str] | None = None
        #: Texts seen, neighbours that were equal, and the most by which a count may be too low.
        self._text_events = 0
        self._repeats = 0
        self._uncertain = 0
        self._last: str | None = None
        self._slots: npt.NDArray[np.int64] | None = None

    @property
    def values(self) -> int:
        """Values seen so far, of whatever type."""
        return self._events - self._missing

    def update(self, column: Sequence[FeatureValue]) -> None:
        """Take the column's values of one batch in order, None where missing."""
        if len(column) == 1 and self._learn_number(column[0]):
            return
        self._events += len(column)
        self._missing += column.count(None)
        types = set(map(type, column))
        if int in types or float in types:
            numbers, _ = floats_of(column, types)
            self._learn_numbers(numbers[~np.isnan(numbers)])
        if str in types:
            self._learn_texts([shortened(text) for text in texts_of(column)])
        if bool in types:
            self._truths = Counter() if self._truths is None else self._truths
            self._truths.update(TRUTH[value] for value in column if value is True or value is False)

    def _learn_number(self, value: FeatureValue) -> bool:
        """Take one value if it is an ordinary number, as ``_learn_numbers`` does: batches of a slow model hold one event."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_EXACT <= value <= _EXACT:
            return False
        number = float(value)
        if self._base is None:
            self._base = number if abs(number) > _LARGE else 0.0
        self._numbers.append(relative_number(number, self._base))
        self._events += 1
        return True

    def _learn_numbers(self, numbers: npt.NDArray[np.float64]) -> None:
        if self._base is None:
            first = float(numbers[0])
            self._base = first if _LARGE < abs(first) < math.inf else 0.0
        self._numbers.frombytes(relative(numbers, self._base).tobytes())

    def _learn_texts(self, texts: list[str]) -> None:
        self._text_events += len(texts)
        slots = slot_counts(texts)
        self._slots = slots if self._slots is None else self._slots + slots
        previous = [self._last, *texts[:-1]]
        self._repeats += sum(a == b for a, b in zip(previous, texts, strict=True))
        self._last = texts[-1]
        self._texts = Counter() if self._texts is None else self._texts
        self._texts.update(texts)
        limit = _SPARE * self._max_categories
        if len(self._texts) > limit:
            # Misra & Gries: what is subtracted from all is what any count may be short of.
            cut = sorted(self._texts.values(), reverse=True)[limit]
            self._uncertain += cut
            self._texts = Counter({text: count - cut for text, count in self._texts.items() if count > cut})

    def profile(self, bins: int, first_ms: int = 0, last_ms: int = 0) -> Profile:
        """What was learned from events made between ``first_ms`` and ``last_ms``."""
        number_events = len(self._numbers)
        texts: Mapping[str, int] = self._texts or {}
        truths: Mapping[str, int] = self._truths or {}
        truth_events = sum(truths.values())
        sizes = {Kind.NUMBER: number_events, Kind.TEXT: self._text_events, Kind.BOOLEAN: truth_events}
        kind = max(sizes, key=lambda k: sizes[k])
        size, total = sizes[kind], sum(sizes.values())
        numbers: Numbers | None = None
        categories: Categories | None = None
        unwatched: Unwatched | None = None
        if size < MIN_VALUES:
            unwatched = Unwatched.TOO_FEW_VALUES
        elif size < _ONE_TYPE * total:
            unwatched = Unwatched.MIXED_TYPES
        elif kind is Kind.NUMBER:
            values = np.array(self._numbers, np.float32)
            if self._dates(values, first_ms, last_ms):
                unwatched = Unwatched.CALENDAR
            elif monotonic(values):
                unwatched = Unwatched.MONOTONIC
            else:
                numbers = learn_numbers(values, bins, self._base or 0.0)
        elif kind is Kind.BOOLEAN:
            counts = [truths.get(name, 0) for name in TRUTH.values()]
            categories = Categories(
                names=list(TRUTH.values()),
                counts=np.array(counts, np.uint32),
                other=0,
                singletons=0,
                uncertain=0,
                every=1,
            )
        elif are_date_texts(texts, first_ms, last_ms):
            unwatched = Unwatched.CALENDAR
        else:
            categories = self._categories(texts)
            if categories is None:
                unwatched = Unwatched.HIGH_CARDINALITY
        return Profile(
            name=self.name,
            kind=kind,
            events=self._events,
            missing=self._missing,
            wrong=total - size,
            unwatched=unwatched,
            numbers=numbers,
            categories=categories,
        )

    def _dates(self, values: npt.NDArray[np.float32], first_ms: int, last_ms: int) -> bool:
        distinct = np.unique(values)
        if len(distinct) > _MOST_DATES:
            return False
        return are_dates((distinct.astype(np.float64) + (self._base or 0.0)).tolist(), first_ms, last_ms)

    def _categories(self, texts: Mapping[str, int]) -> Categories | None:
        # By count, then by name: the order must not depend on which came first in memory.
        everything = sorted(texts.items(), key=lambda item: (-item[1], item[0]))
        ranked, rest = everything[: self._max_categories], everything[self._max_categories :]
        counts = np.array([count for _, count in ranked], np.uint32)
        covered = int(counts.sum())
        if covered < _COVERED * self._text_events:
            return None
        singletons = sum(1 for count in texts.values() if count == 1)
        alike = float(((counts / self._text_events) ** 2).sum())
        repeats = self._repeats / max(self._text_events - 1, 1)
        dependent = alike < 1 and (repeats - alike) / (1 - alike) > _DEPENDENT
        names = [name for name, _ in ranked]
        complete = self._uncertain == 0
        every = _EVERY if dependent else 1
        if self._slots is None or self._slots.sum() < self._text_events:
            # Some of it was learned before texts were counted by slot.
            return Categories(
                names=names,
                counts=counts,
                other=self._text_events - covered,
                singletons=singletons,
                uncertain=self._uncertain,
                every=every,
            )
        single = certain([count for _, count in everything], Categories.DISTINGUISHED, complete=complete)
        groups = groups_for(Categories.DISTINGUISHED + 1 - single)
        return Categories(
            names=names,
            counts=counts,
            other=self._text_events - covered,
            singletons=singletons,
            uncertain=self._uncertain,
            every=every,
            single=single,
            groups=grouped(self._slots, names[:single], counts[:single].tolist(), groups),
            known=np.sort(np.array([text_hash(name) for name, _ in rest], np.uint32)),
        )

    def state(self) -> ColumnLearnerState:
        """Everything that was gathered, copied."""
        return ColumnLearnerState(
            name=self.name,
            events=ColumnCounts(self._events, self._missing, self._text_events, self._repeats, self._uncertain),
            texts=dict(self._texts or {}),
            truths=dict(self._truths or {}),
            numbers=np.array(self._numbers, np.float32) if self._numbers else None,
            last=self._last,
            base=self._base,
            slots=None if self._slots is None else self._slots.copy(),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = ColumnLearnerState.read(state)
        counts = saved.events
        self._events, self._missing, self._text_events = counts.events, counts.missing, counts.texts
        self._repeats, self._uncertain = counts.repeats, counts.uncertain
        self._numbers = array("f")
        if saved.numbers is not None:
            self._numbers.frombytes(np.asarray(saved.numbers, np.float32).tobytes())
            # Older states kept numbers as they are.
            self._base = 0.0 if saved.base is None else saved.base
        self._texts = Counter(saved.texts) if saved.texts else None
        self._truths = Counter(saved.truths) if saved.truths else None
        self._last = saved.last
        if saved.slots is not None:
            self._slots = np.array(saved.slots, np.int64)
