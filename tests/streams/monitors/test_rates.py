"""Rates make their detector when something counts against them, which decides nothing."""

from __future__ import annotations

import numpy as np
import pytest

from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.rates import Rates


def rates() -> Rates:
    return Rates([0.0, 0.01, 0.2], [0.005, 0.02, 0.25], 10_000)


def test_there_is_no_detector_while_nothing_counts_and_none_in_the_state() -> None:
    quiet = rates()
    for at in range(50):
        quiet.update([100, 100, 100], [0, 0, 0], at)
    assert quiet.state().detector is None
    again = rates()
    again.restore(decode(encode(quiet.state())))
    assert encode(again.state()) == encode(quiet.state())

    again.update([100, 100, 100], [0, 0, 1], 51)
    assert again.state().detector is not None


@pytest.mark.parametrize("seed", range(6))
def test_a_detector_that_was_there_from_the_start_decides_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lazy, eager = rates(), rates()
    assert eager.detector is eager.detector
    alarms = 0
    for at in range(400):
        share = [0.0, 0.0, 0.0] if at < 100 or at % 7 else [0.0, 0.01, 0.5 if at > 250 else 0.2]
        events = rng.integers(1, 60, 3)
        bad = rng.binomial(events, share)
        for one in (lazy, eager):
            one.update(events, bad, at)
        assert lazy.findings() == eager.findings()
        alarms += len(lazy.findings())
        if at == 150:
            restored = rates()
            restored.restore(decode(encode(lazy.state())))
            lazy = restored
    assert encode(lazy.state()) == encode(eager.state())
    assert alarms
