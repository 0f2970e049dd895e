from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import driftbell.streams.detectors
from driftbell.streams.encoding import decode, encode
from tests.streams.checks.cases import CASES, GOLDEN

ALL = pytest.mark.parametrize("name", CASES)


def run(detector: Any, steps: Any, reset: bool = False) -> list[int]:
    found = []
    for at, step in enumerate(steps):
        detector.update(*step)
        if detector.drift_detected:
            found.append(at)
            if reset:
                detector.reset()
    return found


def arrays(state: Any) -> list[Any]:
    if isinstance(state, np.ndarray):
        return [state]
    if isinstance(state, Mapping):
        return [array for value in state.values() for array in arrays(value)]
    if isinstance(state, list):
        return [array for value in state for array in arrays(value)]
    return []


def test_no_detector_is_forgotten() -> None:
    classes = {
        name
        for name, thing in vars(driftbell.streams.detectors).items()
        if inspect.isclass(thing) and hasattr(thing, "drift_detected") and not getattr(thing, "_is_protocol", False)
    }

    assert classes - {"RiverDetector"} <= set(CASES)
    assert set(driftbell.streams.detectors.RIVER_NAMES) <= set(CASES)


@ALL
def test_it_alarms_after_the_change_at_these_steps(name: str) -> None:
    case = CASES[name]

    assert run(case.build(), case.steps, reset=True)[:3] == GOLDEN[name]


@ALL
def test_written_and_restored_at_any_step_it_continues_identically(name: str) -> None:
    case = CASES[name]
    whole, pieces = case.build(), case.build()
    for step in case.steps[: 250 if name == "KSWIN" else None]:
        whole.update(*step)
        state = decode(encode(pieces.state()))
        pieces = case.build()
        pieces.restore(state)
        pieces.update(*step)
        assert pieces.drift_detected == whole.drift_detected
        assert encode(pieces.state()) == encode(whole.state())


@ALL
def test_the_same_stream_gives_the_same_decisions(name: str) -> None:
    case = CASES[name]

    assert run(case.build(), case.steps) == run(case.build(), case.steps)


@ALL
def test_a_reset_detector_is_a_fresh_one(name: str) -> None:
    case = CASES[name]
    used = case.build()
    run(used, case.steps)
    used.reset()

    assert encode(used.state()) == encode(case.build().state())


@ALL
def test_a_state_is_not_changed_by_what_comes_later(name: str) -> None:
    case = CASES[name]
    detector = case.build()
    run(detector, case.steps[:30])
    state = detector.state()
    written = encode(state)
    run(detector, case.steps[30:60])

    assert encode(state) == written


@ALL
def test_it_does_not_change_or_keep_what_it_is_fed(name: str) -> None:
    case = CASES[name]
    fed = [array for step in case.steps for array in arrays(list(step))]
    before = [array.copy() for array in fed]
    detector = case.build()
    run(detector, case.steps)

    assert all((a == b).all() for a, b in zip(fed, before, strict=True))
    assert not any(np.shares_memory(kept, given) for kept in arrays(detector.state()) for given in fed)


@ALL
def test_memory_does_not_grow_with_the_stream(name: str) -> None:
    case = CASES[name]
    detector = case.build()
    sizes = []
    for _ in range(2 if name == "KSWIN" else 6):
        for step in case.steps[: len(case.steps) // 2]:
            detector.update(*step)
        sizes.append(len(encode(detector.state())))

    # ADWIN's buckets grow with the logarithm of the stream.
    assert sizes[-1] <= sizes[0] * (3 if name == "ADWIN" else 1.25) + 200


@ALL
def test_state_is_plain_data_and_holds_no_pickle(name: str) -> None:
    case = CASES[name]
    detector = case.build()
    run(detector, case.steps[:20])

    assert pickle.PROTO + b"\x04\x95" not in encode(detector.state())


@ALL
def test_it_says_its_name_and_whether_it_is_calibrated(name: str) -> None:
    detector = CASES[name].build()

    assert isinstance(detector.name, str)
    assert detector.calibrated is (name not in driftbell.streams.detectors.RIVER_NAMES)
