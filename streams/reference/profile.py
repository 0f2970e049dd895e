"""What the reference knows about one column: a feature, or the prediction."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.blocks import BlockReference
from driftbell.streams.versioned import Versioned


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
    #: The reference holds too few values to compare with.
    TOO_FEW_VALUES = "too_few_values"
    #: No one type makes up nine tenths of its values.
    MIXED_TYPES = "mixed_types"
    #: It came when ``reference.max_features`` were learned already.
    TOO_MANY_FEATURES = "too_many_features"


class Numbers(Versioned, frozen=True):
    """A learned numeric distribution.

    Bin j holds edges[j-1] <= x < edges[j]; bin 0 is everything below the smallest learned value, the last bin
    everything above the largest. Frequent single values have bins of their own.
    """

    edges: npt.NDArray[np.float32]
    counts: npt.NDArray[np.uint32]
    #: Lag-1 autocorrelation of rank or width (distance from the middle rank), whichever is larger.
    autocorrelation: float
    #: Set where the autocorrelation forbids to treat events as independent.
    blocks: BlockReference | None = None

    @property
    def low(self) -> float:
        """Smallest learned value."""
        return float(self.edges[0])

    @property
    def high(self) -> float:
        """Largest learned value (the last edge is the next float above it)."""
        return float(np.nextafter(self.edges[-1], np.float32(-np.inf)))


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

    #: Categories the drift detector distinguishes; the rest is pooled as "other".
    DISTINGUISHED: ClassVar[int] = 15

    @classmethod
    def lift(cls, plain: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """The last four were a list."""
        if version == 0:
            names = ("other", "singletons", "uncertain", "every")
            return {**plain, **dict(zip(names, plain["rest"], strict=True))}
        return plain

    @property
    def pooled(self) -> npt.NDArray[np.int64]:
        """Counts of the distinguished categories and, last, of all others."""
        kept = self.counts[: self.DISTINGUISHED].astype(np.int64)
        rest = int(self.counts[self.DISTINGUISHED :].sum()) + self.other
        return np.append(kept, rest)


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
