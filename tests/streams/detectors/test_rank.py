from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift
from scipy import stats

from driftbell.streams.detectors import RankESR, RankScores, observed_shift
from driftbell.streams.detectors.rank_scores import BETS, FACTORS, LOCATIONS, log_constants
from driftbell.streams.reference.numbers import learn_numbers

Floats = np.ndarray[Any, np.dtype[np.float64]]


def log_table(scores: RankScores) -> Floats:
    """log L per bin and bet, written out."""
    columns = []
    for bet in range(BETS):
        statistic = scores.normal if bet < len(LOCATIONS) else scores.normal**2
        columns.append(FACTORS[bet] * statistic - log_constants(scores)[bet])
    return np.stack(columns, axis=1)


COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=40).filter(lambda c: sum(c) >= 100)


@pytest.mark.slow
@given(COUNTS)
def test_scores_are_mid_ranks_with_exact_expectations_under_the_reference(counts: list[int]) -> None:
    values = np.repeat(np.arange(len(counts)), counts)
    scores = RankScores(np.array(counts))
    ranks = (stats.rankdata(values) - 0.5 + 0.5) / (len(values) + 1)

    assert scores.rank[values] == pytest.approx(ranks)
    assert scores.rank_mean == pytest.approx(ranks.mean())
    assert scores.width_mean == pytest.approx(np.abs(2 * ranks - 1).mean())


@given(COUNTS)
def test_every_bet_expects_to_lose_under_the_reference(counts: list[int]) -> None:
    shares = np.array(counts) / sum(counts)

    assert (shares @ np.exp(log_table(RankScores(np.array(counts)))) <= 1 + 1e-9).all()


def test_a_batch_is_the_product_of_its_events_increments() -> None:
    rng = np.random.default_rng(3)
    numbers = learn_numbers(rng.normal(size=2000).astype(np.float32), 32)
    scores = RankScores(numbers.counts)
    detector = RankESR([scores], 1e6)
    codes = np.searchsorted(numbers.edges, rng.normal(size=64).astype(np.float32), side="right")
    detector.update(np.bincount(codes, minlength=len(numbers.counts))[None])
    m = 64 * np.exp(log_table(scores)[codes].sum(axis=0))

    assert detector.log_evidence[0] == pytest.approx(np.log(m.mean()), rel=1e-4)


@given(COUNTS, st.integers(0, BETS - 1), st.floats(-1e4, 1e4), st.integers(1, 10_000))
def test_the_observed_shift_is_a_difference_of_ranks_whatever_the_evidence(
    counts: list[int], bet: int, log_ratio: float, events: int
) -> None:
    assert 0 <= observed_shift(RankScores(np.array(counts)), bet, log_ratio, events) <= 1


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 1.0), (-1.0, 1.0), (0.0, 1.5), (0.0, 0.7)])
def test_the_observed_shift_is_that_of_the_stream_less_its_error(mean: float, sd: float) -> None:
    rng = np.random.default_rng(4)
    numbers = learn_numbers(rng.normal(size=20_000).astype(np.float32), 32)
    scores = RankScores(numbers.counts)
    detector = RankESR([scores], 1e6)
    codes = np.searchsorted(numbers.edges, rng.normal(mean, sd, 4000).astype(np.float32), side="right")
    detector.update(np.bincount(codes, minlength=len(numbers.counts))[None])
    evidence = detector.evidence
    found = observed_shift(scores, evidence.best_bet(0), evidence.walk(0), 4000)
    moved = max(abs(scores.rank[codes].mean() - 0.5), abs(scores.width[codes].mean() - 0.5))

    # A tilt keeps values inside the reference, a wider stream does not: hence the unequal margins.
    assert moved - 0.03 <= found <= moved + 0.025


def first_alarm(values: Floats, seed: int, features: int = 10) -> int | None:
    """Events until the alarm of one of ``features`` features, budget one in a million, batches of 32."""
    rng = np.random.default_rng(seed)
    numbers = learn_numbers(rng.normal(size=5000).astype(np.float32), 32)
    detector = RankESR([RankScores(numbers.counts)], 1e6 * features)
    codes = np.searchsorted(numbers.edges, values.astype(np.float32), side="right")
    for at in range(0, len(values), 32):
        detector.update(np.bincount(codes[at : at + 32], minlength=len(numbers.counts))[None])
        if detector.drift_detected:
            return at + 32
    return None


@pytest.mark.parametrize(("mean", "sd", "within"), [(0.5, 1, 260), (1, 1, 80), (0, 1.5, 170), (0, 0.67, 240)])
def test_it_finds_shifts_of_place_and_of_width_which_adwin_misses(mean: float, sd: float, within: int) -> None:
    ours, theirs = [], []
    for seed in range(12):
        values = np.random.default_rng(1000 + seed).normal(mean, sd, 4000)
        ours.append(first_alarm(values, seed) or 4000)
        adwin = drift.ADWIN()
        for value in np.random.default_rng(seed).normal(size=3000).tolist():
            adwin.update(value)
        found = next(
            (at for at, value in enumerate(values.tolist()) if adwin.update(value) or adwin.drift_detected), None
        )
        theirs.append(found)

    assert np.median(ours) <= within
    if mean == 0:
        assert theirs.count(None) >= 4


@pytest.mark.parametrize("noise", ["normal", "t3", "lognormal"])
def test_a_quiet_feature_is_quiet_whatever_its_tails(noise: str) -> None:
    rng = np.random.default_rng(5)
    draws: dict[str, Callable[[int], Floats]] = {
        "normal": lambda n: rng.normal(size=n),
        "t3": lambda n: rng.standard_t(3, n),
        "lognormal": lambda n: rng.lognormal(0, 2, n),
    }
    draw = draws[noise]
    numbers = learn_numbers(draw(5000).astype(np.float32), 32)
    detector = RankESR([RankScores(numbers.counts)], 1e4)
    for _ in range(400):
        codes = np.searchsorted(numbers.edges, draw(256).astype(np.float32), side="right")
        detector.update(np.bincount(codes, minlength=len(numbers.counts))[None])
        assert not detector.drift_detected


@pytest.mark.slow
def test_the_budget_is_kept_though_the_reference_is_itself_a_sample() -> None:
    rng = np.random.default_rng(9)
    events, false_alarms = 0, 0
    for _ in range(40):
        learned = [learn_numbers(rng.normal(size=1000).astype(np.float32), 32) for _ in range(5)]
        bins = max(len(numbers.counts) for numbers in learned)
        detector = RankESR([RankScores(numbers.counts) for numbers in learned], 2_000)
        for _ in range(200):
            counts = np.zeros((5, bins), np.int64)
            for row, numbers in enumerate(learned):
                codes = np.searchsorted(numbers.edges, rng.normal(size=100).astype(np.float32), side="right")
                counts[row] = np.bincount(codes, minlength=bins)
            detector.update(counts)
            events += 100
            if detector.drift_detected:
                false_alarms += 1
                detector.reset()

    assert events / max(false_alarms, 1) >= 2_000
