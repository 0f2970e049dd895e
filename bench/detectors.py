"""False alarms and delays of the calibrated detectors beside River's: ``python -m bench.detectors`` (about two minutes)."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from driftbell.streams.agreement import Task
from driftbell.streams.detectors import RIVER_NAMES, RankESR, RankScores, RiverDetector
from driftbell.streams.monitors.performance.error_detector import CALIBRATED
from driftbell.streams.monitors.performance.error_reference import ErrorReference
from driftbell.streams.monitors.performance.error_watch import ErrorWatch
from driftbell.streams.reference.numbers import learn_numbers

Floats = npt.NDArray[np.float64]
#: Labels before the change, and after it.
QUIET, MOVED = 10_000, 10_000
BATCH = 32
BUDGET = 1e6


def error_alarms(name: str, errors: Floats) -> list[int]:
    """Positions of the alarms in a stream of errors; the first 1,000 are the reference, an alarm resets the detector."""
    reference = ErrorReference(Task.CLASSIFICATION, errors[:1000], 0.0)
    found = []
    if name == CALIBRATED:
        watch = ErrorWatch(reference, name, {}, BUDGET)
        for at in range(1000, len(errors), BATCH):
            watch.update(errors[at : at + BATCH], at)
            if watch.alarm is not None:
                found.append(at + BATCH)
                watch.alarm = None
                watch.detector.reset()
        return found
    detector = RiverDetector(name)
    for at, error in enumerate(errors.tolist()):
        detector.update(error)
        if detector.drift_detected:
            found.append(at)
    return found


def feature_alarms(name: str, values: Floats) -> list[int]:
    """The same for a numeric feature of ten, with a reference of 5,000 values."""
    found = []
    if name == "rank-e-SR":
        numbers = learn_numbers(values[:5000].astype(np.float32), 32)
        bins = len(numbers.counts)
        detector = RankESR([RankScores(numbers.counts)], BUDGET * 10)
        codes = np.searchsorted(numbers.edges, values.astype(np.float32), side="right")
        for at in range(5000, len(values), BATCH):
            detector.update(np.bincount(codes[at : at + BATCH], minlength=bins)[None], at)
            if detector.drift_detected:
                found.append(at + BATCH)
                detector.reset()
        return found
    river = RiverDetector(name)
    for at, value in enumerate(values.tolist()):
        river.update(value)
        if river.drift_detected:
            found.append(at)
    return found


def cell(runs: list[list[int]]) -> str:
    """Median delay, how many runs found the change, and false alarms per million quiet events."""
    delays = [min(late) - QUIET for run in runs if (late := [at for at in run if at >= QUIET])]
    early = sum(at < QUIET for run in runs for at in run)
    rate = early / (len(runs) * QUIET) * 1e6
    delay = f"{int(np.median(delays)):>6}" if len(delays) * 2 > len(runs) else "  miss"
    return f"{delay} {len(delays):>3}/{len(runs)} {rate:>6.0f}"


def table(
    title: str, names: list[str], alarms: Callable[[str, Floats], list[int]], streams: dict[str, list[Floats]]
) -> None:
    """Print one row per detector."""
    print(f"\n{title}: median delay, found, false alarms per million events")
    print(f"{'':14}" + "".join(f"{name:>22}" for name in streams))
    for name in names:
        cells = [cell([alarms(name, stream) for stream in made]) for made in streams.values()]
        print(f"{name:14}" + "".join(f"{text:>22}" for text in cells), flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    rng = np.random.default_rng(1)

    def rates(before: float, after: float) -> list[Floats]:
        return [
            (rng.random(QUIET + MOVED) < np.repeat([before, after], [QUIET, MOVED])).astype(np.float64)
            for _ in range(runs)
        ]

    def normal(mean: float, sd: float) -> list[Floats]:
        return [np.concatenate([rng.normal(size=QUIET), rng.normal(mean, sd, MOVED)]) for _ in range(runs)]

    changes = [(0.2, 0.25), (0.2, 0.3), (0.2, 0.5), (0.02, 0.04), (0.1, 0.15), (0.1, 0.3)]
    rivers = [name for name in RIVER_NAMES if name != "KSWIN"]
    table("Errors", [CALIBRATED, *rivers], error_alarms, {f"{a:g}->{b:g}": rates(a, b) for a, b in changes})
    shifts = {
        "mean +0.25": (0.25, 1),
        "mean +0.5": (0.5, 1),
        "mean +1": (1, 1),
        "sd x1.5": (0, 1.5),
        "sd x0.67": (0, 0.67),
    }
    made = {name: normal(*shift) for name, shift in shifts.items()}
    table("One numeric feature of ten", ["rank-e-SR", "ADWIN", "PageHinkley"], feature_alarms, made)


if __name__ == "__main__":
    main()
