from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from driftbell.streams.detectors import BlockCUSUM, RankESR, RankScores, block_events
from driftbell.streams.detectors.blocks import BlockReference
from driftbell.streams.reference.numbers import learn_numbers


def autoregressive(phi: float, size: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float64]]:
    noise = rng.normal(size=size)
    noise[0] /= np.sqrt(1 - phi * phi)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise) * np.sqrt(1 - phi * phi))


def test_blocks_are_longer_the_more_neighbours_resemble_each_other() -> None:
    assert [block_events(r) for r in (0.0, 0.5, 0.75, 0.9, 0.99)] == [20, 20, 40, 60, 600]


def test_the_series_may_come_in_any_batches() -> None:
    rng = np.random.default_rng(1)
    reference = BlockReference(20, 250, 0.5, 0.07, 0.5, 0.07)
    rank = rng.random(1000)
    width = np.abs(2 * rank - 1)
    whole, pieces = BlockCUSUM(reference, 1e5), BlockCUSUM(reference, 1e5)
    whole.update(rank, width)
    for at in range(0, 1000, 7):
        pieces.update(rank[at : at + 7], width[at : at + 7])

    assert pieces.log_evidence == pytest.approx(whole.log_evidence)


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.3, 0.9])
def test_the_budget_is_kept_on_autocorrelated_features_where_detectors_for_independent_events_collapse(
    phi: float,
) -> None:
    rng = np.random.default_rng(3)
    events = false_alarms = naive_alarms = 0
    for _ in range(10):
        x = autoregressive(phi, 105_000, rng).astype(np.float32)
        numbers = learn_numbers(x[:5000], 32)
        scores = RankScores(numbers.counts)
        assert numbers.blocks is not None
        detector, naive = BlockCUSUM(numbers.blocks, 10_000), RankESR([scores], 10_000)
        codes = np.searchsorted(numbers.edges, x[5000:], side="right")
        for at in range(0, len(codes), 200):
            piece = codes[at : at + 200]
            detector.update(scores.rank[piece], scores.width[piece])
            naive.update(np.bincount(piece, minlength=len(numbers.counts))[None])
            events += 200
            if detector.drift_detected:
                false_alarms += 1
                detector.reset()
            if naive.drift_detected:
                naive_alarms += 1
                naive.reset()

    assert events / max(false_alarms, 1) >= 10_000
    if phi == 0.9:
        assert naive_alarms > 5 * false_alarms


@pytest.mark.parametrize(("shift", "scale"), [(1.0, 1.0), (0.0, 2.0)])
def test_it_finds_shifts_of_place_and_of_width(shift: float, scale: float) -> None:
    rng = np.random.default_rng(6)
    x = autoregressive(0.5, 12_000, rng)
    x[7000:] = x[7000:] * scale + shift
    numbers = learn_numbers(x[:5000].astype(np.float32), 32)
    scores = RankScores(numbers.counts)
    assert numbers.blocks is not None
    detector = BlockCUSUM(numbers.blocks, 1e7)
    codes = np.searchsorted(numbers.edges, x[5000:].astype(np.float32), side="right")
    found = None
    for at in range(0, len(codes), 100):
        piece = codes[at : at + 100]
        detector.update(scores.rank[piece], scores.width[piece], at)
        if detector.drift_detected:
            found = at + 100
            break

    assert found is not None
    assert 2000 < found <= 2600
    assert detector.change_point()[0] == pytest.approx(2000, abs=200)
