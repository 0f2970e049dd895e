"""From the first values of a numeric column to its learned distribution."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors.blocks import BlockReference, block_events
from driftbell.streams.detectors.rank_scores import RankScores
from driftbell.streams.reference.profile import Numbers

#: Above this lag-1 autocorrelation a detector for independent events breaks its budget.
DEPENDENT = 0.05
#: ... or above this many standard errors (1/sqrt(n)) of it, where the reference is small.
_DEPENDENT_ERRORS = 3.0
#: Blocks a reference must be cut into at least, or their standard deviation is a guess.
_MIN_BLOCKS = 25

#: Standard errors by which the two halves of a reference may differ.
_SETTLED_ERRORS = 5.0

Values = npt.NDArray[np.float32]


def bin_edges(ordered: Values, bins: int) -> Values:
    """Edges of about ``bins`` bins of equal mass over sorted values.

    A value as frequent as a bin gets a bin of its own. The first edge is the smallest value, the last the next float
    above the largest, so that both outer bins are empty.
    """
    values, counts = np.unique(ordered, return_counts=True)
    share = len(ordered) / bins
    edges = [values[0]]
    held = 0
    for value, count in zip(values, counts.tolist(), strict=True):
        frequent = count >= share
        if (held and held >= share) or (frequent and value > edges[-1]):
            edges.append(value)
            held = 0
        held += count
        if frequent:
            edges.append(np.nextafter(value, np.float32(np.inf)))
            held = 0
    edges.append(np.nextafter(values[-1], np.float32(np.inf)))
    return np.unique(np.array(edges, np.float32))


def lag_one(series: npt.NDArray[np.float64]) -> float:
    """Lag-1 autocorrelation; 0 for a constant series."""
    centred = series - series.mean()
    power = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / power if power > 1e-12 else 0.0


def learn_numbers(values: Values, bins: int, base: float = 0.0) -> Numbers:
    """The distribution of ``values``, which are relative to ``base``, in stream order and at least 100."""
    edges = bin_edges(np.sort(values), max(2, min(bins, len(values) // 10)))
    codes = np.searchsorted(edges, values, side="right")
    counts = np.bincount(codes, minlength=len(edges) + 1)
    scores = RankScores(counts)
    rank, width = scores.rank[codes], scores.width[codes]
    autocorrelation = max(lag_one(rank), lag_one(width))
    blocks = None
    if autocorrelation > max(DEPENDENT, _DEPENDENT_ERRORS / math.sqrt(len(values))):
        blocks = _blocks(rank, width, autocorrelation)
    return Numbers(
        edges=edges,
        counts=counts.astype(np.uint32),
        autocorrelation=autocorrelation,
        blocks=blocks,
        base=base,
        settled=_settled(rank, autocorrelation),
    )


def _settled(rank: npt.NDArray[np.float64], autocorrelation: float) -> bool:
    """Whether the mean ranks of both halves differ by no more than chance allows, neighbours being alike."""
    half = len(rank) // 2
    r = min(max(autocorrelation, 0.0), 0.99)
    worth = half * (1 - r) / (1 + r)
    error = math.sqrt(2 / (12 * worth))
    return bool(abs(rank[:half].mean() - rank[half:].mean()) <= _SETTLED_ERRORS * error)


def _blocks(rank: npt.NDArray[np.float64], width: npt.NDArray[np.float64], autocorrelation: float) -> BlockReference:
    size = max(1, min(block_events(autocorrelation), len(rank) // _MIN_BLOCKS))
    whole = len(rank) // size
    means = [series[: whole * size].reshape(whole, size).mean(axis=1) for series in (rank, width)]
    moments = []
    for series in means:
        # Where blocks could not be long enough they resemble each other: their sum then varies more by (1+r)/(1-r).
        left = min(max(lag_one(series), 0.0), 0.9)
        moments += [float(series.mean()), float(series.std(ddof=1)) * math.sqrt((1 + left) / (1 - left))]
    return BlockReference(size, whole, *moments)
