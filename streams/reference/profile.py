"""What the reference knows about one column: a feature, or the prediction."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.blocks import BlockReference
from driftbell.streams.versioned import Array, Versioned


class Kind(enum.StrEnum):
    """The type a column holds; other types in it are wrong."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"


class Unwatched(enum.StrEnum):
    """Why a column's distribution is not watched. Missing and wrong values of it always are."""

    #: So many distinct texts that it is an identifier, not a category.
    HIGH_CARDINALITY = "high_cardinality"
    #: It only ever grows (or falls): a counter or a timestamp, which differs from any reference by nature.
    MONOTONIC = "monotonic"
    #: It is the date of the events, which never comes again.
    CALENDAR = "calendar"
    #: The reference holds too few values to compare with.
    TOO_FEW_VALUES = "too_few_values"
    #: No one type makes up nine tenths of its values.
    MIXED_TYPES = "mixed_types"
    #: It came when ``reference.max_features`` were learned already, or is one of very many that are nearly always absent.
    TOO_MANY_FEATURES = "too_many_features"
    #: It came after the reference was learned (``reference.new_features`` says what then).
    APPEARED_LATER = "appeared_later"


class Caveat(enum.StrEnum):
    """Why what was learned may not be what is normal."""

    #: So few events that small changes cannot be told from chance.
    TOO_SMALL = "too_small"
    #: Less than a day: what changes with the hour looks like a change.
    SHORTER_THAN_A_DAY = "shorter_than_a_day"
    #: A column was not the same in both halves of it.
    NOT_SETTLED = "not_settled"


class Numbers(Versioned, frozen=True):
    """A learned numeric distribution.

    Bin j holds edges[j-1] <= x < edges[j]; bin 0 is everything below the smallest learned value, the last bin
    everything above the largest. Frequent single values have bins of their own.
    """

    #: Relative to ``base``.
    edges: npt.NDArray[np.float32]
    counts: npt.NDArray[np.uint32]
    #: Lag-1 autocorrelation of rank or width (distance from the middle rank), whichever is larger.
    autocorrelation: float
    #: Set where the autocorrelation forbids to treat events as independent.
    blocks: BlockReference | None = None
    #: Subtracted from every value before it is rounded to float32, which would make an epoch in milliseconds the same for two
    #: minutes.
    base: float = 0.0
    #: Whether both halves of the reference agree in place.
    settled: bool = True

    @property
    def low(self) -> float:
        """Smallest learned value."""
        return self.value(self.edges[0])

    def value(self, edge: np.float32) -> float:
        """An edge, or a number like it, as a value of the column."""
        return float(edge) + self.base

    @property
    def high(self) -> float:
        """Largest learned value (the last edge is the next float above it)."""
        return self.value(np.nextafter(self.edges[-1], np.float32(-np.inf)))


class Categories(Versioned, frozen=True):
    """A learned mix of categories."""

    #: All known categories, most frequent first, and their counts.
    names: list[str]
    counts: npt.NDArray[np.uint32]
    #: Values outside ``names`` (rare ones that bounded memory let go), and values seen exactly once.
    other: int
    singletons: int
    #: By how much a count may be too low (bounded counting); 0 where it is exact.
    uncertain: int
    #: The drift detector takes every n-th event, because neighbours resemble each other; 1 takes all.
    every: int
    #: So many of ``names`` are compared one by one; all other texts, known or not, fall into groups by their hash. None in
    #: older states, which compared ``DISTINGUISHED`` with one group for all others.
    single: int | None = None
    #: Events per group of the others.
    groups: Array | None = None
    #: Hashes of the categories that were seen but are not among ``names``.
    known: Array | None = None

    #: Categories compared one by one, at most; with the groups there is room for one more.
    DISTINGUISHED: ClassVar[int] = 15

    @classmethod
    def lift(cls, plain: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The last four were a list."""
        if version == 0:
            names = ("other", "singletons", "uncertain", "every")
            return {**plain, **dict(zip(names, plain["rest"], strict=True))}
        return plain

    @property
    def complete(self) -> bool:
        """Whether every category that was seen is known."""
        return self.uncertain == 0

    @property
    def alone(self) -> int:
        """How many of ``names`` are compared one by one."""
        return min(len(self.names), self.DISTINGUISHED) if self.single is None else self.single

    @property
    def pooled(self) -> npt.NDArray[np.int64]:
        """Counts of the categories compared one by one, then of the groups."""
        alone = self.counts[: self.alone].astype(np.int64)
        if self.groups is not None:
            return np.append(alone, self.groups.astype(np.int64))
        return np.append(alone, int(self.counts[self.alone :].sum()) + self.other)


class Profile(Versioned, frozen=True):
    """One column of the reference."""

    name: str
    kind: Kind
    #: Events learned from, and among them those without a value and those with a value of another type.
    events: int
    missing: int
    wrong: int
    unwatched: Unwatched | None = None
    numbers: Numbers | None = None
    categories: Categories | None = None

    @property
    def present(self) -> int:
        """Learned values of the right type."""
        return self.events - self.missing - self.wrong


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a reference in a fixed order, with the index by which columns are read."""

    profiles: Sequence[Profile]
    #: Rows of ``profiles`` whose numbers (categories) are watched.
    numeric: Sequence[int] = field(init=False)
    categorical: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        numeric = [i for i, p in enumerate(self.profiles) if p.numbers is not None]
        categorical = [i for i, p in enumerate(self.profiles) if p.categories is not None]
        object.__setattr__(self, "numeric", numeric)
        object.__setattr__(self, "categorical", categorical)

    def __len__(self) -> int:
        return len(self.profiles)

    @property
    def numbers(self) -> list[Numbers]:
        """What is learned of the ``numeric`` rows."""
        return [p.numbers for p in self.profiles if p.numbers is not None]

    @property
    def mixes(self) -> list[Categories]:
        """What is learned of the ``categorical`` rows."""
        return [p.categories for p in self.profiles if p.categories is not None]
