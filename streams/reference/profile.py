"""What the reference knows about one column: a feature, or the prediction."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.blocks import BlockReference


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


@dataclass(frozen=True, slots=True)
class Numbers:
    """A learned numeric distribution.

    Bin j holds edges[j-1] <= x < edges[j]; bin 0 is everything below the smallest learned value, the last bin
    everything above the largest. Frequent single values have bins of their own.
    """

    edges: npt.NDArray[np.float32]
    counts: npt.NDArray[np.uint32]
    #: Lag-1 autocorrelation of rank or width (distance from the middle rank), whichever is larger.
    autocorrelation: float
    #: Set where the autocorrelation forbids to treat events as independent.
    blocks: BlockReference | None

    @property
    def low(self) -> float:
        """Smallest learned value."""
        return float(self.edges[0])

    @property
    def high(self) -> float:
        """Largest learned value (the last edge is the next float above it)."""
        return float(np.nextafter(self.edges[-1], np.float32(-np.inf)))


@dataclass(frozen=True, slots=True)
class Categories:
    """A learned mix of categories."""

    #: All known categories, most frequent first, and their counts.
    names: Sequence[str]
    counts: npt.NDArray[np.uint32]
    #: Values outside ``names`` (rare ones that bounded memory let go), and values seen exactly once.
    other: int
    singletons: int
    #: By how much a count may be too low (bounded counting); 0 where it is exact.
    uncertain: int
    #: The drift detector takes every n-th event, because neighbours resemble each other; 1 takes all.
    every: int

    #: Categories the drift detector distinguishes; the rest is pooled as "other".
    DISTINGUISHED = 15

    @property
    def pooled(self) -> npt.NDArray[np.int64]:
        """Counts of the distinguished categories and, last, of all others."""
        kept = self.counts[: self.DISTINGUISHED].astype(np.int64)
        rest = int(self.counts[self.DISTINGUISHED :].sum()) + self.other
        return np.append(kept, rest)


@dataclass(frozen=True, slots=True)
class Profile:
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

    def state(self) -> Mapping[str, Any]:
        """Plain data."""
        state: dict[str, Any] = {
            "name": self.name,
            "kind": str(self.kind),
            "events": self.events,
            "missing": self.missing,
            "wrong": self.wrong,
            "unwatched": str(self.unwatched) if self.unwatched else None,
        }
        if self.numbers is not None:
            n = self.numbers
            b = n.blocks
            state["numbers"] = {
                "edges": n.edges,
                "counts": n.counts,
                "autocorrelation": n.autocorrelation,
                "blocks": b and [b.events, b.blocks, b.rank_mean, b.rank_sd, b.width_mean, b.width_sd],
            }
        if self.categories is not None:
            c = self.categories
            state["categories"] = {
                "names": list(c.names),
                "counts": c.counts,
                "rest": [c.other, c.singletons, c.uncertain, c.every],
            }
        return state

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Profile:
        """The profile that wrote ``state``."""
        numbers = categories = None
        if n := state.get("numbers"):
            blocks = BlockReference(*n["blocks"]) if n["blocks"] else None
            numbers = Numbers(
                np.array(n["edges"], np.float32), np.array(n["counts"], np.uint32), n["autocorrelation"], blocks
            )
        if c := state.get("categories"):
            categories = Categories(list(c["names"]), np.array(c["counts"], np.uint32), *c["rest"])
        return cls(
            name=state["name"],
            kind=Kind(state["kind"]),
            events=state["events"],
            missing=state["missing"],
            wrong=state["wrong"],
            unwatched=Unwatched(state["unwatched"]) if state["unwatched"] else None,
            numbers=numbers,
            categories=categories,
        )


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
