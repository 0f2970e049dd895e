from __future__ import annotations

from typing import Any

import pytest

from driftbell.schemas import Evidence, FeatureShift, to_epoch_ms
from driftbell.streams.alerts.annotations import closing, description, sentence, subject_name
from driftbell.streams.alerts.reasons import Transition
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.subject import Subject

NOW = to_epoch_ms("2026-11-24T14:20:00Z")
SINCE = to_epoch_ms("2026-11-24T14:02:10Z")
FRAUD = Subject("fraud", "3", "live")
SHIFTS = [FeatureShift(feature=name, evidence=9.0, psi=psi) for name, psi in [("amount", 0.41), ("country", None)]]


def condition(summary: str, metric: str = "error_rate", **more: Any) -> Condition:
    return Condition(
        alertname="X", family=Family.PERFORMANCE, severity="warning", reason="r", metric=metric, summary=summary, **more
    )


def test_the_sentence_says_what_happened_to_whom_since_when_and_where_to_look() -> None:
    text = sentence(
        FRAUD,
        condition("error rate rose from 4.1 % to 9.8 %, 1,204 labels", change_point_ms=SINCE, features=SHIFTS),
        NOW,
    )
    assert text == (
        "error rate of fraud v3 rose from 4.1 % to 9.8 % since 14:02 UTC, 1,204 labels; "
        "features that moved most: amount, country"
    )


@pytest.mark.parametrize(
    ("summary", "metric", "expected"),
    [
        (
            "latency p95 rose from 1 s to 2 s",
            "latency_p95_ms",
            "latency p95 of fraud v3 rose from 1 s to 2 s since 14:02 UTC",
        ),
        ("9.8 % of 1,204 events failed", "failure_rate", "fraud v3: 9.8 % of 1,204 events failed since 14:02 UTC"),
        (
            "no predictions for 3 min; the longest gap before was 2 s",
            "silence_seconds",
            "fraud v3: no predictions for 3 min since 14:02 UTC; the longest gap before was 2 s",
        ),
        (
            "missing rate of amount rose from 0 % to 5 %",
            "missing_rate",
            "fraud v3: missing rate of amount rose from 0 % to 5 % since 14:02 UTC",
        ),
    ],
)
def test_the_subject_stands_where_people_would_say_it(summary: str, metric: str, expected: str) -> None:
    assert sentence(FRAUD, condition(summary, metric, change_point_ms=SINCE), NOW) == expected


def test_since_when_does_not_break_into_a_value_that_has_a_comma() -> None:
    text = sentence(
        FRAUD, condition("mix of city moved: share of 'Rome, Italy' rose from 1 % to 5 %", change_point_ms=SINCE), NOW
    )
    assert text.endswith("share of 'Rome, Italy' rose from 1 % to 5 % since 14:02 UTC")


def test_a_change_on_another_day_names_the_day() -> None:
    yesterday = condition("error rate rose", change_point_ms=SINCE - 86_400_000)
    assert sentence(FRAUD, yesterday, NOW) == "error rate of fraud v3 rose since 2026-11-23 14:02 UTC"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (FRAUD, "fraud v3"),
        (Subject("fraud", "v3", "shadow"), "fraud v3 (shadow)"),
        (Subject("fraud", "", "live"), "fraud"),
    ],
)
def test_subjects_are_named_as_people_say_them(subject: Subject, expected: str) -> None:
    assert subject_name(subject) == expected


def test_the_description_gives_the_numbers_in_sentences() -> None:
    evidence = Evidence(
        metric="error_rate",
        value=0.098,
        baseline=0.041,
        threshold=0.05,
        window_events=1204,
        change_point_ms=SINCE,
        detector="bernoulli-e-SR",
        features=SHIFTS,
    )
    assert description("error rate of fraud v3 rose", evidence, 2, "performance") == (
        "Error rate of fraud v3 rose. Error rate 9.8 % over 1,204 labels; usually 4.1 %, alarm above 5.0 %. "
        "It most likely began at 2026-11-24T14:02:10.000Z. Features that moved most: amount (strongly), country. "
        "This is episode 2 of this condition. "
        "Method: bernoulli-e-SR, which keeps the false-alarm budget. Population stability index (PSI): amount 0.41."
    )


def test_an_uncalibrated_detector_is_called_that() -> None:
    assert "uncalibrated" in description("x", Evidence(metric="m", detector="DDM", calibrated=False), 1)


@pytest.mark.parametrize(
    ("transition", "expected"),
    [
        (Transition.RECOVERED, "recovered after 14 min: it rose"),
        (Transition.CANCELLED, "went away after 14 min: it rose"),
        (Transition.RETIRED, "no longer watched after 14 min: it rose"),
    ],
)
def test_a_closing_sentence_says_how_it_ended(transition: Transition, expected: str) -> None:
    assert closing(transition, "it rose", 14 * 60_000) == expected
