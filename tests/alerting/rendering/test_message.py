"""What a page says."""

from __future__ import annotations

import msgspec
import pytest

from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.rendering.brief import brief
from driftbell.alerting.rendering.message import MAX_SHOWN, compose, minimal, subject
from driftbell.alerting.rendering.story.headline import summary
from driftbell.alerting.state.records import Kind
from driftbell.alerting.times import clock_time, length, rfc3339, to_ms
from driftbell.schemas import Evidence
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.channels.deliveries import delivery


def lines(*args: object, **options: object) -> list[str]:
    one = delivery(*args, **options)  # type: ignore[arg-type]
    return list(compose(one.notification, one.incident, one.kind).lines())


def test_a_page_says_what_happened_since_when_and_where_to_look() -> None:
    assert lines() == [
        "firing, critical, since 2026-11-24 14:00:00 UTC",
        "",
        "FIRING: error rate of fraud v3 rose from 4.1 % to 9.8 %",
        "  Labels: alertname=ErrorRateRose, model=fraud, severity=critical, version=3",
        "  Measured: Error rate 9.8 % over 1,204 events; usually 4.1 %, alarm above 6.0 %",
        "  Started: 2026-11-24 14:00:00 UTC",
        "  Likely began: 2026-11-24 13:58:00 UTC",
        "  Moved most: amount (strongly), country",
        "  Episode: 1",
        "  Runbook: https://runbooks.example.org/error-rate",
        "  How to look: driftbell events tail --model fraud --at 2026-11-24T13:58:00Z",
        "  Method: bernoulli_cusum; PSI amount 0.52",
        "  Take it on: driftbell ack a1b2c3d4e5f60718293a4b5c",
        "",
        "Router: https://driftbell.example.org",
    ]


def test_a_close_says_how_long_it_lasted() -> None:
    told = lines(Kind.RESOLVE)

    assert told[0] == "resolved after 12 min, at 2026-11-24 14:12:34 UTC"
    assert "  Lasted: 12 min" in told


def test_a_close_after_a_change_of_the_routing_does_not_say_that_it_is_over() -> None:
    one = delivery(Kind.RESOLVE)
    notification = msgspec.structs.replace(one.notification, reason=DecisionReason.ROUTING_CHANGED.value)
    for incident in (one.incident, msgspec.structs.replace(one.incident, subject="CRITICAL fraud v3: error rate")):
        message = compose(notification, incident, Kind.RESOLVE)
        text = "\n".join([message.subject, *message.lines(), brief(message, 2_000)])
        assert message.subject.startswith("CLOSED HERE ")
        assert message.state == "closed here: the configuration has changed; what still fires is told elsewhere"
        assert "resolved" not in text.lower()
        assert "Lasted" not in text
    assert minimal(notification, one.incident, Kind.RESOLVE).subject.startswith("CLOSED HERE ")


def test_many_alerts_are_counted_and_the_worst_come_first() -> None:
    alerts = [
        make_alert(labels={"model": f"m{number}", "severity": severity})
        for number, severity in enumerate(["info", "warning", "critical", "info", "info", "info", "info"])
    ]
    one = delivery(alerts=alerts)
    page = compose(one.notification, one.incident, one.kind)

    assert len(page.items) == MAX_SHOWN and page.more == 2
    assert page.subject == "CRITICAL error rate of m2 v3 rose from 4.1 % to 9.8 % (and 6 more)"
    assert page.state == "7 firing, critical, since 2026-11-24 14:00:00 UTC"
    assert "and 2 more" in list(page.lines())


def test_what_still_fires_comes_before_what_is_over() -> None:
    over = make_alert("resolved", at_ms=START_MS + 5_000, started_ms=START_MS, labels={"model": "a"})
    one = delivery(Kind.UPDATE, [over, make_alert(labels={"model": "b"})])
    page = compose(one.notification, one.incident, one.kind)

    assert [item.firing for item in page.items] == [True, False]
    assert page.state.startswith("firing, 1 resolved, critical")


def test_the_minimal_page_is_the_subject_and_the_state() -> None:
    one = delivery()

    assert list(minimal(one.notification, one.incident, one.kind).lines()) == [
        "firing, critical, since 2026-11-24 14:00:00 UTC"
    ]


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u2028", "\x00\x07", "\r\n \x85"])
def test_an_alert_without_a_summary_is_named_by_its_labels(blank: str) -> None:
    alert = make_alert(annotations={"summary": blank})

    assert summary(alert) == "ErrorRateRose (model=fraud, version=3)"
    assert subject(delivery(alerts=[alert]).notification) == "CRITICAL ErrorRateRose (model=fraud, version=3)"


def test_a_page_without_numbers_leaves_them_out() -> None:
    told = lines(alerts=[make_alert(evidence=Evidence(metric="silence"), annotations={"runbook_url": ""})])

    assert not any(line.strip().startswith(("Measured", "Likely", "Moved", "Runbook")) for line in told)


@pytest.mark.parametrize("change_point", [-1, 0, 2**53])
def test_an_impossible_time_does_not_break_the_page(change_point: int) -> None:
    evidence = Evidence(metric="error_rate", value=float("inf"), change_point_ms=change_point)

    assert lines(alerts=[make_alert(evidence=evidence)])


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"), (-5, "0 s"), (999, "1 s"), (119_000, "119 s"), (120_000, "2 min"), (3_599_000, "59 min"),
        (3_600_000, "1 h"), (11_100_000, "3 h 5 min"), (172_800_000, "2 d"), (187_200_000, "2 d 4 h"),
    ],
)  # fmt: skip
def test_a_length_of_time_has_two_units_at_most(ms: int, text: str) -> None:
    assert length(ms) == text


def test_times_read_back() -> None:
    assert to_ms(rfc3339(START_MS + 7)) == START_MS + 7
    assert (
        to_ms("2026-11-24T15:00:00+01:00") == to_ms("2026-11-24T14:00:00Z") == to_ms("2026-11-24T14:00:00") == START_MS
    )
    assert clock_time(START_MS) == "2026-11-24 14:00:00 UTC"
