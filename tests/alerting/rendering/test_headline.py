"""What a page says of one cause: one headline, its cause, and the symptoms in a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.rendering.message import Message, compose, subject
from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.rendering.story.headline import MAX_HEADLINE
from driftbell.alerting.rendering.story.news import MAX_NAMED
from driftbell.alerting.rendering.story.roles import Role
from driftbell.alerting.rendering.story.story import tell
from driftbell.alerting.state.records import Group, Incident, Kind, LogEntry, Notification
from driftbell.schemas import Alert, Evidence, FeatureShift
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.deliveries import delivery, hostile_texts

#: 12:36 UTC, 84 minutes before the tests begin.
SINCE_MS = START_MS - 84 * 60_000


def alert(name: str, family: str, metric: str, value: float | None, **fields: Any) -> Alert:
    labels = {"alertname": name, "family": family, "model": "shuttle", "version": "1", "severity": "warning"}
    labels |= fields.pop("labels", {})
    evidence = {"metric": metric, "value": value, "baseline": 0.0, "threshold": 0.01, "change_point_ms": SINCE_MS}
    return make_alert(
        fields.pop("status", "firing"),
        labels=labels,
        evidence=Evidence(**evidence | fields.pop("evidence", {})),
        **fields,
    )


def error_rate(**fields: Any) -> Alert:
    evidence = {"baseline": 0.005, "features": [FeatureShift(feature="f7", evidence=9.0)]}
    return alert(
        "ErrorRateRose", "performance", "error_rate", 0.04, labels={"severity": "critical"}, evidence=evidence, **fields
    )


def out_of_range(feature: str = "f7", **fields: Any) -> Alert:
    return alert("OutOfRange", "quality", "out_of_range_rate", 0.536, labels={"feature": feature}, **fields)


def unseen(**fields: Any) -> Alert:
    return alert("UnseenCategory", "quality", "unseen_category_rate", 0.54, labels={"feature": "mode"}, **fields)


def drift(feature: str = "f7", psi: float = 8.5, **fields: Any) -> Alert:
    return alert("FeatureDrift", "drift", "psi", psi, labels={"feature": feature}, **fields)


def predictions(**fields: Any) -> Alert:
    return alert("PredictionDrift", "drift", "psi", 0.2, **fields)


def silent(**fields: Any) -> Alert:
    labels = {"severity": "critical", "version": ""}
    return alert("ModelSilent", "volume", "silence_seconds", 300.0, labels=labels, **fields)


def failures() -> Alert:
    return alert("FailureRateHigh", "failures", "failure_rate", 0.12, evidence={"baseline": 0.001})


def latency() -> Alert:
    return alert("LatencyHigh", "latency", "latency_p95_ms", 340.0, evidence={"baseline": 80.0})


def told(alerts: Sequence[Alert], **options: Any) -> str:
    return subject(delivery(alerts=alerts, **options).notification)


OTHER_MODEL = {"feature": "x", "model": "fraud", "severity": "critical"}
EVERYTHING = [drift("mode", 2.5), drift(), predictions(), out_of_range(), unseen(), error_rate()]


def test_one_change_is_one_sentence() -> None:
    assert told(EVERYTHING) == (
        "CRITICAL shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. Cause: f7 out of range (54 %), mode unseen (54 %)"
    )


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ([error_rate()], "CRITICAL shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. Moved most: f7"),
        (
            [out_of_range(), unseen()],
            "WARNING shuttle v1: f7 out of range (54 %), mode unseen (54 %) since 12:36 UTC",
        ),
        ([drift()], "WARNING shuttle v1: f7 moved (very strongly) since 12:36 UTC"),
        ([predictions()], "WARNING shuttle v1: predictions moved (clearly) since 12:36 UTC"),
        ([latency()], "WARNING shuttle v1: latency p95 80 -> 340 ms since 12:36 UTC"),
        (
            [out_of_range(), failures(), silent()],
            "CRITICAL shuttle: no predictions for 5 min, failure rate 0.1 -> 12.0 %, f7 out of range (54 %) since 12:36 UTC",
        ),
        (
            [error_rate(), failures(), out_of_range()],
            "CRITICAL shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. "
            "Cause: failure rate 0.1 -> 12.0 %, f7 out of range (54 %)",
        ),
        (
            [error_rate(), latency()],
            "CRITICAL shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. Moved most: f7 (and 1 more)",
        ),
    ],
)
def test_silence_and_failures_lead_and_a_fall_of_performance_is_always_the_headline(
    alerts: list[Alert], expected: str
) -> None:
    assert told(alerts) == expected
    assert told(alerts[::-1]) == expected


def test_what_another_alert_explains_is_folded_and_not_muted() -> None:
    story = tell(EVERYTHING)

    assert [one.labels["alertname"] for one in story.alerts] == ["ErrorRateRose", "OutOfRange", "UnseenCategory"]
    assert [one.labels["alertname"] for one in story.folded] == ["FeatureDrift", "FeatureDrift", "PredictionDrift"]
    page = page_of(EVERYTHING)
    assert page.more == 0
    assert "  Also moved: f7 (very strongly), mode (very strongly), predictions (clearly)" in list(page.lines())


@pytest.mark.parametrize(
    "apart",
    [
        [out_of_range("f3"), drift("f7")],
        [drift("f7"), predictions()],
        [out_of_range(status="resolved"), drift()],
        [alert("OutOfRange", "quality", "out_of_range_rate", 0.5, labels={"feature": "f7", "version": "2"}), drift()],
    ],
    ids=["another feature", "only drift", "over", "another version"],
)
def test_what_nothing_explains_is_not_folded(apart: list[Alert]) -> None:
    assert tell(apart).folded == ()


def test_alerts_of_several_models_are_told_by_severity_and_counted() -> None:
    other = alert(
        "OutOfRange",
        "quality",
        "out_of_range_rate",
        0.5,
        labels={"feature": "x", "model": "fraud", "severity": "critical"},
    )
    warning = alert("ErrorRateRose", "performance", "error_rate", 0.04)

    assert told([warning, other, silent()]) == (
        "CRITICAL shuttle: no predictions for 5 min, error rate 0.0 -> 4.0 % since 12:36 UTC (and 1 more)"
    )


def test_yesterday_is_named_with_its_date() -> None:
    one = alert(
        "OutOfRange",
        "quality",
        "out_of_range_rate",
        0.5,
        labels={"feature": "f7"},
        evidence={"change_point_ms": START_MS - 86_400_000},
    )

    assert told([one]).endswith("since 2026-11-23 14:00 UTC")


@pytest.mark.parametrize("moment", [-(2**63), -1, 0, 2**63 - 1])
def test_a_time_that_is_none_does_not_break_the_headline(moment: int) -> None:
    one = alert(
        "OutOfRange",
        "quality",
        "out_of_range_rate",
        0.5,
        labels={"feature": "f7"},
        evidence={"change_point_ms": moment},
    )

    assert told([one]).endswith("since 14:00 UTC")


def test_many_causes_are_counted_and_the_headline_stays_one_line_of_slack() -> None:
    text = told([error_rate(), *(out_of_range(f"feature_number_{number}") for number in range(30))])

    assert text.endswith(" more)")
    assert len(text) <= MAX_HEADLINE
    named = text.count("out of range")
    assert named >= 1 and f"(and {30 - named} more)" in text


@given(hostile_texts, st.sampled_from(["feature", "model", "version", "variant", "family", "alertname", "severity"]))
def test_whatever_a_producer_names_there_is_a_headline(text: str, label: str) -> None:
    one = alert("OutOfRange", "quality", "out_of_range_rate", 0.5, labels={"feature": "f7", label: text})

    assert told([one, error_rate(), predictions()])


@given(
    st.lists(
        st.sampled_from([error_rate, out_of_range, unseen, drift, predictions, silent, failures, latency]), max_size=8
    ).flatmap(st.permutations)
)
def test_every_alert_is_told_or_counted(makers: list[Any]) -> None:
    alerts = [make() for make in makers]
    alerts = list({one.fingerprint: one for one in alerts}.values())
    story = tell(alerts)

    assert len(story.alerts) + len(story.folded) == len(alerts)
    if alerts:
        page = page_of(alerts)
        assert len(page.items) + len(story.folded) + page.more == len(alerts)
        if any(one.labels["family"] == "performance" for one in alerts):
            assert page.subject.startswith(("CRITICAL shuttle: error rate", "CRITICAL shuttle v1: error rate"))


def test_its_own_feature_is_not_what_moved_most() -> None:
    one = drift(evidence={"features": [FeatureShift(feature="f7", evidence=9.0, psi=8.5)]})
    [item] = page_of([one]).items

    assert not any(fact.name == "Moved most" for fact in item.facts)


# Closes and updates


def page_of(alerts: Sequence[Alert], kind: Kind = Kind.TRIGGER) -> Message:
    one = delivery(kind, alerts)
    return compose(one.notification, one.incident, kind)


def test_a_close_names_what_is_over_and_does_not_take_the_peak_for_the_value_now() -> None:
    peak = error_rate(status="resolved")
    page = page_of([peak], Kind.RESOLVE)

    assert page.subject == "RESOLVED shuttle v1: error rate 0.5 -> 4.0 % since 12:36 UTC. Moved most: f7"
    assert [fact.name for fact in page.items[0].facts if "Error rate" in fact.value] == ["While it fired"]
    now = alert("ErrorRateRose", "performance", "error_rate", 0.004, status="resolved", evidence={"baseline": 0.005})
    assert [fact.name for fact in page_of([now], Kind.RESOLVE).items[0].facts if "Error rate" in fact.value] == ["Now"]


def update(
    firing: Sequence[Alert], resolved: Sequence[Alert] = (), before: LogEntry | None = None
) -> tuple[Notification, Message]:
    group = Group(id="g", route_id="{}", key="{}", labels={}, created_ms=0, next_flush_ms=0)
    made = notify(group, "oncall", firing, resolved, reason="new_alerts", now_ms=START_MS, told=before)
    return made, compose(made, Incident(id="i", opened_ms=START_MS, subject="opened"), Kind.UPDATE)


def test_an_update_says_what_is_new() -> None:
    before = LogEntry(at_ms=START_MS, firing=frozenset({out_of_range().fingerprint, unseen().fingerprint}))
    _, page = update([out_of_range(), error_rate()], [unseen(status="resolved")], before)

    assert page.news == "new: error rate 0.5 -> 4.0 %; over: mode unseen (54 %)"
    assert page.state.endswith(f"; {page.news}")


def test_what_was_told_before_is_no_news() -> None:
    before = LogEntry(at_ms=START_MS, firing=frozenset({out_of_range().fingerprint}))
    _, page = update([out_of_range()], [], before)

    assert page.news == ""
    assert page.state == page.status


def test_many_news_are_counted() -> None:
    many = [out_of_range(f"f{number}") for number in range(300)]
    _, page = update(many, [], LogEntry(at_ms=START_MS, firing=frozenset({"other"})))

    assert page.news.count("out of range") == MAX_NAMED
    assert page.news.endswith("and 195 more")


def test_a_role_for_every_family() -> None:
    from driftbell.alerting.rendering.story.roles import role_of
    from driftbell.streams.monitors.monitor import Family

    roles = {family: role_of(alert("X", family.value, "m", 1.0)) for family in Family}
    assert Role.OTHER not in roles.values()
    assert len(set(roles.values())) == len(roles)
