from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from river import drift
from river.drift import binary

from driftbell.streams.detectors import RIVER_NAMES, Restored, RiverDetector
from driftbell.streams.detectors.river.detector import RIVER
from driftbell.streams.encoding import decode, encode

ORIGINALS: dict[str, Any] = {
    "ADWIN": drift.ADWIN,
    "DDM": binary.DDM,
    "EDDM": binary.EDDM,
    "FHDDM": binary.FHDDM,
    "HDDM_A": binary.HDDMA,
    "HDDM_W": binary.HDDMW,
    "KSWIN": lambda: drift.KSWIN(seed=42),
    "PageHinkley": drift.PageHinkley,
}


def errors(seed: int = 0) -> list[int]:
    rng = np.random.default_rng(seed)
    rates = np.repeat([0.1, 0.5, 0.1, 0.7], 700)
    return [int(x) for x in rng.random(len(rates)) < rates]


def alarms_of(name: str, stream: list[int], restart_every: int | None = None) -> list[int]:
    detector = RiverDetector(name)
    found = []
    for at, x in enumerate(stream):
        if restart_every and at % restart_every == 0:
            state = decode(encode(detector.state()))
            detector = RiverDetector(name)
            assert detector.restore(state) is Restored.CONTINUED
        detector.update(x)
        if detector.drift_detected:
            found.append(at)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RIVER_NAMES if name != "FHDDM"])
def test_it_decides_as_river_event_by_event(name: str) -> None:
    original = ORIGINALS[name]()
    expected = []
    for at, x in enumerate(errors()):
        original.update(x)
        if original.drift_detected:
            expected.append(at)

    assert alarms_of(name, errors()) == expected


def test_fhddm_is_fed_the_opposite_because_rivers_alarms_when_errors_become_fewer() -> None:
    # online-ml/river#1474: documented as 1 = error, implemented for 1 = correct. When this test fails, River was corrected.
    rng = np.random.default_rng(3)
    rise = [int(x) for x in np.concatenate([rng.random(1000) < 0.2, rng.random(1000) < 0.6])]
    rivers = binary.FHDDM()
    as_documented = [at for at, x in enumerate(rise) if rivers.update(x) or rivers.drift_detected]

    assert not [at for at in as_documented if 1000 <= at < 1100]
    assert [at for at in alarms_of("FHDDM", rise) if 1000 <= at < 1100]


@pytest.mark.slow
@pytest.mark.parametrize("name", RIVER_NAMES)
@pytest.mark.parametrize("every", [1, 97])
def test_a_state_without_pickle_continues_identically(name: str, every: int) -> None:
    stream = errors()[: 700 if name == "KSWIN" and every == 1 else None]

    assert alarms_of(name, stream, every) == alarms_of(name, stream)


def test_another_river_starts_fresh_and_says_so() -> None:
    detector = RiverDetector("ADWIN")
    restored = detector.restore(msgspec.structs.replace(RiverDetector("ADWIN").state(), river="0.0.1"))

    assert restored is Restored.OTHER_RIVER
    assert RIVER.split(".")[0].isdigit()


def test_another_detector_or_other_parameters_start_fresh_and_say_so() -> None:
    detector = RiverDetector("ADWIN")

    assert detector.restore(RiverDetector("DDM").state()) is Restored.OTHER_DETECTOR
    assert detector.restore(RiverDetector("ADWIN", {"delta": 0.5}).state()) is Restored.OTHER_PARAMETERS


@pytest.mark.parametrize("damage", ["memory", "unknown", "kind"])
def test_a_damaged_state_starts_fresh_and_says_so(damage: str) -> None:
    state = decode(encode(RiverDetector("ADWIN").state()))
    if damage == "memory":
        state["attributes"]["_helper"] = {"memory": b"too short"}
    elif damage == "unknown":
        state["attributes"]["__class__"] = 1
    else:
        state["attributes"]["_helper"] = {"deque": [1]}
    detector = RiverDetector("ADWIN")

    assert detector.restore(state) is Restored.DAMAGED
    detector.update(1)


def test_unknown_names_and_parameters_are_refused_with_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"unknown detector 'ADWYN'; known: ADWIN, DDM"):
        RiverDetector("ADWYN")
    with pytest.raises(ValueError, match=r"ADWIN has no parameter 'delte'; known: delta, clock"):
        RiverDetector("ADWIN", {"delte": 1})
    with pytest.raises(ValueError, match="KSWIN"):
        RiverDetector("KSWIN", {"alpha": 7})
