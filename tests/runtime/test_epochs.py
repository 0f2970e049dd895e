"""Stretches of records by the epoch of their leader."""

from __future__ import annotations

import random

from driftbell.runtime.epochs import MOST, Epochs


def test_they_say_what_a_list_of_all_records_says() -> None:
    rng = random.Random(7)
    for _ in range(200):
        epochs, truth = Epochs(), list[int]()
        for _ in range(30):
            if truth and rng.random() < 0.2:
                del truth[rng.randrange(len(truth)) :]
            # No more different ones than are kept.
            epoch = max(truth[-1] if truth else 0, rng.randrange(MOST))
            epochs.note(len(truth), epoch)
            truth += [epoch] * rng.randrange(1, 4)

        assert epochs.latest == truth[-1]
        for offset in range(1, len(truth) + 1):
            assert epochs.of(offset) == truth[offset - 1]
            first = rng.randrange(offset)
            spans = epochs.between(first, offset - 1)
            assert [epoch for _, epoch in spans] == sorted(set(truth[first:offset]))
            assert spans[0][0] <= first
        for epoch in range(MOST):
            assert epochs.end_of(epoch) == next((at for at, later in enumerate(truth) if later > epoch), None)


def test_a_stretch_that_goes_on_is_one() -> None:
    epochs = Epochs()
    for start in (0, 10, 20):
        epochs.note(start, 3)

    assert epochs.before(100) == [(0, 3)]


def test_of_many_only_the_latest_are_kept() -> None:
    epochs = Epochs()
    for number in range(MOST + 5):
        epochs.note(number, number)

    assert epochs.before(1000) == [(number, number) for number in range(5, MOST + 5)]
    assert epochs.of(5) is None


def test_what_is_read_again_is_noted_again() -> None:
    epochs = Epochs([(0, 1), (50, 2), (90, 5)])
    epochs.note(60, 2)
    assert epochs.before(1000) == [(0, 1), (50, 2)]
    epochs.forget_from(50)
    assert epochs.before(1000) == [(0, 1)]
    assert Epochs().of(5) is None
    assert Epochs().latest is None
