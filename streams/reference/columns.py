"""One batch seen through the reference: counted once, shared by all monitors."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.schemas import FeatureValue
from driftbell.streams.reference.profile import Categories, Kind, Profiles
from driftbell.streams.reference.reading import TEXT_LENGTH, TRUTH, floats_of, relative, rounded
from driftbell.streams.reference.text_counts import SLOTS, text_hash

Ints = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]
_TEXT_OR_MISSING = frozenset({str, type(None)})
_TRUTH_OR_MISSING = frozenset({bool, type(None)})
_NUMBERS = frozenset({int, float})
_TEXTS = frozenset({str})
#: Up to so many events all numbers are compared with all edges at once, and texts are counted one by one.
_FEW = 32


class Mix:
    """A category's code: its own where it is compared by itself, else that of its group."""

    __slots__ = ("_first_group", "_groups", "_known", "codes", "every", "size")

    def __init__(self, categories: Categories) -> None:
        self._first_group = categories.alone
        self._groups = len(categories.pooled) - categories.alone
        self._known = frozenset([] if categories.known is None else categories.known.tolist())
        self.size = self._first_group + self._groups
        self.every = categories.every
        self.codes = {
            name: code if code < self._first_group else self._group(text_hash(name))
            for code, name in enumerate(categories.names)
        }

    def place(self, text: str) -> tuple[int, bool]:
        """A text's code, and whether the reference does not know it."""
        code = self.codes.get(text)
        if code is None and len(text) > TEXT_LENGTH:
            text = text[:TEXT_LENGTH]
            code = self.codes.get(text)
        if code is not None:
            return code, False
        hashed = text_hash(text)
        return self._group(hashed), hashed not in self._known

    def _group(self, hashed: int) -> int:
        return self._first_group + hashed % SLOTS % self._groups


class Lookup:
    """What reading needs of a reference, prepared once: edges side by side, categories by name."""

    def __init__(self, profiles: Profiles) -> None:
        self.profiles = profiles
        self.edges: list[Values] = [numbers.edges for numbers in profiles.numbers]
        self.bases = np.array([[numbers.base] for numbers in profiles.numbers]).reshape(-1, 1)
        self.based = bool(self.bases.any())
        self.bins = max((len(e) + 1 for e in self.edges), default=1)
        #: The edges in one array, padded with what no value reaches, shape (numeric, bins - 1, 1).
        self.all_edges = np.full((len(self.edges), self.bins - 1, 1), np.inf, np.float32)
        for at, row in enumerate(self.edges):
            self.all_edges[at, : len(row), 0] = row
        self.numeric = np.array(profiles.numeric, np.int64)
        self.every = np.arange(len(self.edges))
        self.last_bins = np.array([len(e) for e in self.edges], np.int64)
        self.mixes: list[Mix] = [Mix(categories) for categories in profiles.mixes]
        self.categories = Categories.DISTINGUISHED + 1
        self.numeric_at = {row: i for i, row in enumerate(profiles.numeric)}
        self.categorical_at = {row: i for i, row in enumerate(profiles.categorical)}


class Columns:
    """Counts of one batch against the reference, in the order of its profiles.

    Attributes:
        events: how many events were read.
        start_ms: time of the first of them.
        missing, wrong, unseen: per profile, shape (profiles,): values missing, of another type, of an unknown category.
        numbers: values of the watched numeric columns less their base, NaN where there is none, shape (numeric, events).
        bins: per watched numeric column and bin of its reference, shape (numeric, bins).
        categories: per watched categorical column and category compared by itself, then per group of the others, thinned
            where the reference says so, shape (categorical, categories).
    """

    def __init__(
        self,
        lookup: Lookup,
        columns: Sequence[Sequence[FeatureValue]],
        *,
        events: int,
        start_ms: int,
        read_before: int,
    ) -> None:
        """Count; ``read_before`` are the events of earlier batches, so that thinning keeps its distance across batches."""
        self.events = events
        self._read_before = read_before
        self.start_ms = start_ms
        profiles = lookup.profiles
        # Lists: setting one element of an array takes longer than counting a small column.
        missing: list[int] = []
        wrong: list[int] = []
        unseen: list[int] = []
        numbers: list[Sequence[FeatureValue] | npt.NDArray[np.float64]] = []
        self.categories: Ints = np.zeros((len(profiles.categorical), lookup.categories), np.int64)
        self._lookup = lookup
        for row, (profile, column) in enumerate(zip(profiles.profiles, columns, strict=True)):
            types: set[type[Any]] = set(map(type, column))
            missing.append(column.count(None) if type(None) in types else 0)
            others = 0
            if profile.kind is Kind.NUMBER:
                if row not in lookup.numeric_at:
                    others = _other_types(column, types, (int, float))
                elif types <= _NUMBERS:
                    numbers.append(column)
                else:
                    values, others = floats_of(column, types)
                    numbers.append(values)
            elif profile.kind is Kind.TEXT:
                others = 0 if types <= _TEXT_OR_MISSING else _other_types(column, types, (str,))
            else:
                others = 0 if types <= _TRUTH_OR_MISSING else _other_types(column, types, (bool,))
            wrong.append(others)
            at = lookup.categorical_at.get(row)
            unseen.append(0 if at is None else self._count_categories(row, at, column, types))
        #: Whether all values are there and of the right type, and whether all texts are known.
        self.whole = not (any(missing) or any(wrong))
        self.all_known = not any(unseen)
        self.missing: Ints = np.array(missing, np.int64)
        self.wrong: Ints = np.array(wrong, np.int64)
        self.unseen: Ints = np.array(unseen, np.int64)
        floats = _side_by_side(numbers, events)
        self.numbers: Values = relative(floats, lookup.bases) if lookup.based else rounded(floats)

    def _count_categories(self, row: int, at: int, column: Sequence[FeatureValue], types: set[type[Any]]) -> int:
        """Count a column; returns how many of its values are of an unknown category."""
        mix = self._lookup.mixes[at]
        if self._lookup.profiles.profiles[row].kind is Kind.BOOLEAN:
            truths = column if types <= _TRUTH_OR_MISSING else [v for v in column if type(v) is bool]
            for value, name in TRUTH.items():
                self.categories[at, mix.codes[name]] = truths.count(value)
            return 0
        texts: Sequence[Any] = column if types <= _TEXTS else [v for v in column if type(v) is str]
        row_counts = [0] * mix.size
        unseen = 0
        for text, count in zip(texts, itertools.repeat(1)) if len(texts) <= _FEW else Counter(texts).items():
            code, unknown = mix.place(text)
            if unknown:
                unseen += count
            row_counts[code] += count
        if mix.every > 1:
            row_counts = [0] * mix.size
            for text in texts[-self._read_before % mix.every :: mix.every]:
                row_counts[mix.place(text)[0]] += 1
        self.categories[at, : mix.size] = row_counts
        return unseen

    @cached_property
    def present(self) -> Ints:
        """Values of the right type, shape (profiles,)."""
        return self.events - self.missing - self.wrong

    @cached_property
    def bins(self) -> Ints:
        """Values per bin, shape (numeric, bins); padding is 0."""
        edges = self._lookup.edges
        if not edges:
            return np.zeros((0, self._lookup.bins), np.int64)
        below = np.zeros((len(edges), self._lookup.bins + 1), np.int64)
        total = self.present[self._lookup.numeric]
        below[:, 1:] = total[:, None]
        if self.events <= _FEW:
            # Where a row has fewer edges the padding counts all of its values, as the last column does.
            below[:, 1:-1] = np.count_nonzero(self.numbers[:, None, :] < self._lookup.all_edges, axis=2)
            return below[:, 1:] - below[:, :-1]
        # Sorting vectorises, looking values up in edges does not: counting this way takes a fifth of the time.
        ordered = np.sort(self.numbers, axis=1)
        for at, row in enumerate(edges):
            below[at, 1 : len(row) + 1] = ordered[at].searchsorted(row)
        return below[:, 1:] - below[:, :-1]

    @property
    def numeric_rows(self) -> Sequence[int]:
        """The profiles that ``numbers``, ``bins`` and ``outside`` are about."""
        return self._lookup.profiles.numeric

    @cached_property
    def outside(self) -> Ints:
        """Values outside the learned range, shape (numeric,)."""
        return self.bins[:, 0] + self.bins[self._lookup.every, self._lookup.last_bins]

    def codes(self, at: int) -> Ints:
        """The bin of each value of one watched numeric column in stream order, without missing ones."""
        values = self.numbers[at]
        if np.isnan(values).any():
            values = values[~np.isnan(values)]
        return np.asarray(np.searchsorted(self._lookup.edges[at], values, side="right"))


def _side_by_side(
    columns: Sequence[Sequence[FeatureValue] | npt.NDArray[np.float64]], events: int
) -> npt.NDArray[np.float64]:
    """Columns of numbers as an array, shape (columns, events)."""
    if not columns:
        return np.empty((0, events))
    if events > _FEW:
        # Filling each row takes half the time per value.
        floats = np.empty((len(columns), events))
        for at, column in enumerate(columns):
            floats[at] = column if isinstance(column, np.ndarray) else floats_of(column, {float})[0]
        return floats
    try:
        return np.array(columns, np.float64)
    except OverflowError:
        return np.array([c if isinstance(c, np.ndarray) else floats_of(c, {float})[0] for c in columns])


def _other_types(column: Sequence[FeatureValue], types: set[type[Any]], right: tuple[type[Any], ...]) -> int:
    if types <= {*right, type(None)}:
        return 0
    return sum(1 for value in column if value is not None and type(value) not in right)
