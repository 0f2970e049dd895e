"""What was measured is said in words and units, not in field names."""

from __future__ import annotations

import math

import pytest

from driftbell.runtime.measured import measured, strength


@pytest.mark.parametrize(
    ("metric", "value", "baseline", "threshold", "text"),
    [
        ("error_rate", 0.07, 0.0046, 0.0072, "Error rate 7.0 %; usually 0.46 %, alarm above 0.72 %"),
        ("missing_rate", 0.05, 0.0, 0.001, "Missing rate 5.0 %; usually 0.0 %, alarm above 0.10 %"),
        ("latency_p95_ms", 12_400.0, 340.0, 500.0, "Latency p95 12.4 s; usually 340 ms, alarm above 500 ms"),
        ("silence_seconds", 180.0, 2.0, 60.0, "Silence 3 min; usually 2 s, alarm above 1 min"),
        ("mean_absolute_error", 1234.5, 12.0, None, "Mean absolute error 1,230; usually 12"),
        ("accuracy_rate", 0.8, 0.95, 0.9, "Accuracy rate 80.0 %; usually 95.0 %, alarm below 90.0 %"),
        ("psi", 8.53, 0.0, 0.05, "Values differ very strongly from the reference"),
    ],
)
def test_numbers_are_said_in_their_unit(
    metric: str, value: float, baseline: float | None, threshold: float | None, text: str
) -> None:
    assert measured(metric, value, baseline=baseline, threshold=threshold) == text


def test_labels_are_called_labels_and_one_is_one() -> None:
    assert measured("error_rate", 0.07, events=600, noun="labels").endswith("over 600 labels")
    assert measured("error_rate", 1.0, events=1, noun="labels").endswith("over 1 label")


@pytest.mark.parametrize("metric", ["error_rate", "latency_p95_ms", "silence_seconds", "psi", "other", ""])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1.0, 0.0, 1e300, 5e-324])
def test_no_number_is_beyond_words(metric: str, value: float) -> None:
    assert measured(metric, value, baseline=value, threshold=value, events=0)


def test_a_shift_is_strong_in_words() -> None:
    assert [strength(psi) for psi in (0.0, 0.1, 0.25, 1.0)] == ["slightly", "clearly", "strongly", "very strongly"]
