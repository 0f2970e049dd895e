from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.runtime.config.model import Monitoring, MonitorSettings
from driftbell.schemas import Alert, decode_alert, encode_alert, fingerprint
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.alerts.reasons import Transition
from driftbell.streams.encoding import BadStateError, decode, encode
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.subject import Subject

NOW = 1_790_000_000_000
V3 = Subject("fraud", "3", "live")


def hold(for_: float = 0.0, keep: float = 30.0, **more: Any) -> Monitoring:
    return Monitoring(monitors={"rate": MonitorSettings(for_=for_, keep_firing_for=keep)}, **more)


def condition(alertname: str = "ErrorRateHigh", **more: Any) -> Condition:
    fields: dict[str, Any] = {
        "family": Family.PERFORMANCE,
        "severity": "critical",
        "reason": "error_rate_rose",
        "metric": "error_rate",
        "summary": "error rate rose from 4.1 % to 9.8 %, 1,204 labels",
        "value": 0.098,
        "monitor": "rate",
    }
    return Condition(alertname=alertname, **{**fields, **more})


def story(alerts: list[Alert]) -> list[tuple[str, str, int]]:
    return [(alert.status, alert.reason, alert.episode) for alert in alerts]


def restarted(lifecycle: Lifecycle, monitoring: Monitoring) -> Lifecycle:
    fresh = Lifecycle(monitoring)
    fresh.restore(decode(encode(lifecycle.state())))
    return fresh


def test_a_condition_fires_at_once_and_is_over_when_all_has_been_well_long_enough() -> None:
    life = Lifecycle(hold(keep=30.0))
    assert story(life.observe(V3, [condition()], NOW)) == [("firing", "fired", 1)]
    assert life.observe(V3, [condition()], NOW + 1000) == []
    assert life.due_ms() is None
    assert life.observe(V3, [], NOW + 2000) == []
    assert life.due_ms() == NOW + 32_000
    assert life.observe(V3, [], NOW + 31_999) == []
    (over,) = life.observe(V3, [], NOW + 32_000)
    assert (over.status, over.reason, over.episode) == ("resolved", "recovered", 1)
    assert over.startsAt == "2026-09-21T14:13:20.000Z"
    assert over.endsAt == over.updatedAt == "2026-09-21T14:13:52.000Z"
    assert over.annotations["summary"].startswith("recovered after 32 s: error rate of fraud v3 rose")
    assert life.active() == []
    assert life.due_ms() is None


def test_a_condition_that_must_hold_is_pending_first() -> None:
    life = Lifecycle(hold(for_=10.0))
    assert story(life.observe(V3, [condition()], NOW)) == [("pending", "pending", 1)]
    assert life.due_ms() == NOW + 10_000
    assert life.active() == []
    assert life.observe(V3, [condition()], NOW + 9_999) == []
    (fired,) = life.observe(V3, [condition()], NOW + 10_000)
    assert (fired.status, fired.startsAt) == ("firing", "2026-09-21T14:13:20.000Z")


def test_a_pending_condition_that_goes_away_is_cancelled_and_the_next_is_another_episode() -> None:
    life = Lifecycle(hold(for_=10.0))
    life.observe(V3, [condition()], NOW)
    assert story(life.observe(V3, [], NOW + 5000)) == [("resolved", "cancelled", 1)]
    assert story(life.observe(V3, [condition()], NOW + 6000)) == [("pending", "pending", 2)]
    assert story(life.observe(V3, [condition()], NOW + 16_000)) == [("firing", "fired", 2)]


def test_a_condition_that_comes_back_while_it_is_kept_firing_stays_one_episode() -> None:
    life = Lifecycle(hold(keep=30.0))
    life.observe(V3, [condition()], NOW)
    for second in range(1, 200):
        assert life.observe(V3, [condition()] if second % 25 == 0 else [], NOW + 1000 * second) == []
    assert story(life.observe(V3, [], NOW + 230_000)) == [("resolved", "recovered", 1)]
    assert story(life.observe(V3, [condition()], NOW + 300_000)) == [("firing", "refired", 2)]


def test_only_the_subject_looked_at_is_touched() -> None:
    life = Lifecycle(hold(keep=0.0))
    v4 = Subject("fraud", "4", "live")
    (first,) = life.observe(V3, [condition()], NOW)
    (second,) = life.observe(v4, [condition()], NOW)
    assert first.fingerprint != second.fingerprint
    assert story(life.observe(V3, [], NOW + 1000)) == [("resolved", "recovered", 1)]
    assert [alert.labels["version"] for alert in life.active()] == ["4"]


def test_a_retired_subject_closes_everything_it_had_open() -> None:
    life = Lifecycle(hold(for_=10.0))
    life.observe(V3, [condition("A")], NOW)
    life.observe(V3, [condition("A"), condition("B")], NOW + 10_000)
    closed = life.retire(V3, NOW + 11_000)
    assert story(closed) == [("resolved", "retired", 1)] * 2
    assert life.retire(V3, NOW + 12_000) == []
    assert life.due_ms() is None


def test_labels_are_the_identity_and_ours_win_over_the_users() -> None:
    life = Lifecycle(hold(labels={"team": "risk", "model": "other", "alertname": "x", "empty": ""}))
    (alert,) = life.observe(V3, [condition(labels={"feature": "amount"})], NOW)
    assert alert.labels == {
        "team": "risk",
        "alertname": "ErrorRateHigh",
        "model": "fraud",
        "version": "3",
        "family": "performance",
        "severity": "critical",
        "feature": "amount",
    }
    assert alert.fingerprint == fingerprint(alert.labels)
    (shadow,) = life.observe(Subject("fraud", "", "shadow"), [condition()], NOW)
    assert shadow.labels["variant"] == "shadow"
    assert "version" not in shadow.labels


def test_two_conditions_with_the_same_labels_are_one_alert() -> None:
    life = Lifecycle(hold())
    (alert,) = life.observe(V3, [condition(value=0.1), condition(value=0.2)], NOW)
    assert alert.evidence.value == 0.1


def test_an_alert_keeps_the_trace_of_the_event_that_raised_it() -> None:
    life = Lifecycle(hold(for_=5.0, keep=0.0))
    (pending,) = life.observe(V3, [condition()], NOW, traceparent="00-a-b-01")
    (firing,) = life.observe(V3, [condition()], NOW + 5000, traceparent="00-c-d-01")
    (over,) = life.observe(V3, [], NOW + 6000)
    assert [alert.traceparent for alert in (pending, firing, over)] == ["00-a-b-01"] * 3


def test_active_shows_the_record_that_was_published_with_the_latest_evidence() -> None:
    life = Lifecycle(hold())
    (fired,) = life.observe(V3, [condition(value=0.1)], NOW)
    assert life.active() == [fired]
    life.observe(V3, [condition(value=0.3)], NOW + 5000)
    (active,) = life.active()
    assert (active.id, active.updatedAt, active.evidence.value) == (fired.id, fired.updatedAt, 0.3)


def test_numbers_that_json_cannot_write_are_left_out() -> None:
    (alert,) = Lifecycle(hold()).observe(V3, [condition(value=float("inf"), baseline=float("nan"))], NOW)
    assert alert.evidence.value is None
    assert decode_alert(encode_alert(alert)) == alert


def test_an_episode_number_never_returns_though_what_is_over_is_forgotten() -> None:
    life, seen = Lifecycle(hold(keep=0.0)), set[str]()
    for round_ in range(3):
        for n in range(1500):
            for alert in life.observe(V3, [condition(labels={"feature": f"f{n}"})], NOW + round_ * 10_000 + n):
                assert alert.id not in seen
                seen.add(alert.id)
    assert len(encode(life.state())) < 80_000


def test_a_model_that_comes_back_after_it_was_forgotten_does_not_repeat_an_id() -> None:
    life = Lifecycle(hold(keep=0.0))
    first = [*life.observe(V3, [condition()], NOW), *life.observe(V3, [], NOW + 1)]
    assert life.last_episode == 1
    again = Lifecycle(hold(), floor=life.last_episode)
    (alert,) = again.observe(V3, [condition()], NOW + 2)
    assert alert.episode == again.last_episode == 2
    assert alert.id not in {old.id for old in first}


def test_settings_of_an_unnamed_monitor_are_the_defaults() -> None:
    life = Lifecycle(Monitoring())
    life.observe(V3, [condition(monitor="")], NOW)
    life.observe(V3, [], NOW)
    assert life.due_ms() == NOW + 30_000


NAMES = st.sampled_from(["A", "B", "C"])
SUBJECTS = st.sampled_from([V3, Subject("fraud", "", "live"), Subject("fraud", "3", "shadow")])
LOOKS = st.lists(
    st.tuples(
        SUBJECTS,
        st.sets(NAMES),
        st.sampled_from([0, 1, 999, 5000, 30_000, 100_000]),
        st.sampled_from(["observe"] * 6 + ["retire"]),
    ),
    max_size=40,
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    looks=LOOKS,
    for_=st.sampled_from([0.0, 5.0]),
    keep=st.sampled_from([0.0, 30.0]),
    restarts=st.sets(st.integers(0, 40)),
)
def test_every_episode_is_paired_and_a_restart_changes_nothing(
    looks: list[tuple[Subject, set[str], int, str]], for_: float, keep: float, restarts: set[int]
) -> None:
    config = hold(for_, keep)
    life, steady = Lifecycle(config), Lifecycle(config)
    now, out = NOW, []
    for index, (subject, names, wait, verb) in enumerate(looks):
        now += wait
        if index in restarts:
            life = restarted(life, config)
        found = [condition(name, value=float(index)) for name in sorted(names)]
        alerts = life.observe(subject, found, now) if verb == "observe" else life.retire(subject, now)
        assert alerts == (steady.observe(subject, found, now) if verb == "observe" else steady.retire(subject, now))
        assert life.active() == steady.active()
        assert life.due_ms() == steady.due_ms()
        # Nothing more happens at the same moment.
        if verb == "observe":
            assert life.observe(subject, found, now) == steady.observe(subject, found, now) == []
        out += alerts
    for subject in (V3, Subject("fraud", "", "live"), Subject("fraud", "3", "shadow")):
        out += life.observe(subject, [], now + 1)
        out += life.observe(subject, [], now + 100_000)
    assert life.active() == []
    assert len({alert.id for alert in out}) == len(out)
    episodes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for alert in out:
        assert decode_alert(encode_alert(alert)) == alert
        episodes[alert.fingerprint, alert.episode].append(alert.status)
    numbers: dict[str, int] = defaultdict(int)
    for (name, number), statuses in episodes.items():
        assert statuses in (["firing", "resolved"], ["pending", "firing", "resolved"], ["pending", "resolved"])
        assert number == numbers[name] + 1
        numbers[name] = number


def test_the_reason_of_every_transition_is_named() -> None:
    assert {transition.value for transition in Transition} == {
        "pending",
        "fired",
        "refired",
        "cancelled",
        "recovered",
        "retired",
    }


def test_a_state_that_is_not_one_is_refused() -> None:
    with pytest.raises(BadStateError):
        Lifecycle(hold()).restore({"active": [{"fingerprint": 1}], "over": [], "floor": 0})


def test_an_alert_says_why_its_monitor_raised_it_and_why_it_changed() -> None:
    (alert,) = Lifecycle(hold()).observe(V3, [condition(reason="error_rate_rose")], 1000)

    assert alert.evidence.reason == "error_rate_rose"
    assert alert.reason == Transition.FIRED
    assert decode_alert(encode_alert(alert)) == alert
