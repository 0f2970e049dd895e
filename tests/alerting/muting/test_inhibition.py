"""Inhibition, against Alertmanager's own loop written out, against the real one, and on a timeline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.muting.inhibition import Inhibition
from driftbell.alerting.muting.muter import MuteContext, MuteKind
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.alerting.state.records import Entry, Group
from driftbell.runtime.config.router import InhibitRule
from driftbell.runtime.matching.matchers import all_matchers
from driftbell.schemas import Alert, fingerprint
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.rig import Rig
from tests.services.alertmanager import Alertmanager

NAMES = ["a", "b", "c"]
VALUES = ["1", "2", "12"]
PATTERNS = ["1", "1.*", ".*2", "1|2", "", ".+"]
GROUP = Group(id="g", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)


def matcher(random: Random) -> str:
    name = random.choice(NAMES)
    operator = random.choice(["=", "!=", "=~", "!~"])
    value = random.choice(PATTERNS if "~" in operator else ["", *VALUES])
    return f'{name}{operator}"{value}"'


def side(random: Random, prefix: str) -> dict[str, Any]:
    keys: dict[str, Any] = {f"{prefix}_matchers": [matcher(random) for _ in range(random.randint(0, 2))]}
    if random.random() < 0.3:
        keys[f"{prefix}_match"] = {random.choice(NAMES): random.choice(VALUES)}
    if random.random() < 0.3:
        keys[f"{prefix}_match_re"] = {random.choice(NAMES): random.choice(PATTERNS)}
    return keys


def rule(random: Random) -> dict[str, Any]:
    equal = random.sample([*NAMES, "absent"], random.randint(0, 2))
    return {**side(random, "source"), **side(random, "target"), "equal": equal}


def labels(random: Random) -> dict[str, str]:
    return {name: random.choice(VALUES) for name in NAMES if random.random() < 0.7}


def alert_with(given: dict[str, str]) -> Alert:
    alert = make_alert()
    return msgspec.structs.replace(alert, labels=given, fingerprint=fingerprint(given))


def firing(alerts: Iterable[Alert]) -> FiringAlerts:
    return FiringAlerts(entry(alert) for alert in alerts)


def entry(alert: Alert) -> Entry:
    return Entry(fingerprint=alert.fingerprint, episode=1, status=alert.status, updated_ms=0, alert=alert)


def ask(muter: Inhibition, alert: Alert, alerts: FiringAlerts) -> tuple[str, ...]:
    answer = muter.mute(alert, MuteContext(None, GROUP, alerts, START_MS))
    return () if answer.muting is None else answer.muting.ids


def alertmanagers_loop(rules: Sequence[InhibitRule], alert: Alert, alerts: Sequence[Alert]) -> set[str]:
    """``inhibit.go``, line by line: which alerts it may name, of the first rule that finds one."""
    for one in rules:
        source = all_matchers(one.source_match, one.source_match_re, one.source_matchers)
        target = all_matchers(one.target_match, one.target_match_re, one.target_matchers)
        if not all(m.matches(alert.labels) for m in target):
            continue
        exclude_two_sided = all(m.matches(alert.labels) for m in source)
        found = set()
        for other in alerts:
            if not all(m.matches(other.labels) for m in source):
                continue
            if any(other.labels.get(name, "") != alert.labels.get(name, "") for name in one.equal):
                continue
            if exclude_two_sided and all(m.matches(other.labels) for m in target):
                continue
            found.add(other.fingerprint)
        if found:
            return found
    return set()


@given(st.randoms(use_true_random=False))
def test_the_index_says_what_alertmanagers_loop_says(random: Any) -> None:
    rules = [msgspec.convert(rule(random), InhibitRule) for _ in range(random.randint(1, 3))]
    known = {one.fingerprint: one for one in (alert_with(labels(random)) for _ in range(12))}
    muter, alerts = Inhibition(rules), FiringAlerts()
    fires: dict[str, Alert] = {}
    for _ in range(20):
        one = random.choice(list(known.values()))
        if one.fingerprint in fires:
            del fires[one.fingerprint]
            alerts.note(one.fingerprint, None)
        else:
            fires[one.fingerprint] = one
            alerts.note(one.fingerprint, entry(one))
        for asked in known.values():
            expected = alertmanagers_loop(rules, asked, list(fires.values()))
            assert ask(muter, asked, alerts) == ((min(expected),) if expected else ())


def their_answers(server: Alertmanager, expected: dict[str, set[str]]) -> dict[str, list[str]]:
    """Who inhibits each alert. After a reload Alertmanager takes its alerts in again one by one, so it is given a second."""
    found: dict[str, list[str]] = {}
    for _ in range(20):
        found = {one["fingerprint"]: one["status"]["inhibitedBy"] for one in server.call("GET", "/alerts")[1]}
        if all(bool(found[mark]) is bool(by) for mark, by in expected.items()):
            break
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_the_same_alerts_are_inhibited_as_in_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some thousand alerts under some dozen generated sets of rules."""
    random = Random(20)
    config = {"route": {"receiver": "r", "group_wait": "1h"}, "receivers": [{"name": "r"}]}
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = inhibited = 0
    for _ in range(12):
        with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as server:
            alerts = {one.fingerprint: one for one in (alert_with({**labels(random), "x": "y"}) for _ in range(40))}
            body = [{"labels": one.labels, "endsAt": until} for one in alerts.values()]
            assert server.call("POST", "/alerts", body)[0] == 200
            for _ in range(10):
                rules = [rule(random) for _ in range(random.randint(1, 3))]
                server.reload({**config, "inhibit_rules": rules})
                typed = [msgspec.convert(one, InhibitRule) for one in rules]
                allowed = {mark: alertmanagers_loop(typed, one, list(alerts.values())) for mark, one in alerts.items()}
                by = their_answers(server, allowed)
                ours = Inhibition(typed)
                for mark, one in alerts.items():
                    mine = ask(ours, one, firing(alerts.values()))
                    assert bool(mine) is bool(by[mark]), (rules, one.labels)
                    assert {*mine, *by[mark]} <= allowed[mark]
                    asked, inhibited = asked + 1, inhibited + bool(mine)
    assert asked > 2_000
    assert asked / 10 < inhibited < asked * 0.9


RULE = InhibitRule(source_match={"severity": "critical"}, target_matchers=['severity=~"warning|info"'], equal=["model"])
ROUTE = {"group_by": ["model", "severity"], "group_wait": 1.0, "group_interval": 60.0}


async def test_a_warning_waits_while_its_models_critical_alert_fires_and_is_paged_after() -> None:
    one = await Rig(ROUTE, muters=[Inhibition([RULE])]).start()
    await one.fire(severity="critical")
    await one.fire(severity="warning")
    await one.fire("other", severity="warning")
    await one.until(100)
    held = {mute.ids(MuteKind.INHIBITED) for _, decision in one.decisions for mute in decision.muted.values()}
    critical = next(alert for alert in one.router.state.firing if alert.labels["severity"] == "critical")

    assert sorted((arrival.firing, arrival.delivery.notification.severity) for arrival in one.vendor.arrivals) == [
        (["fraud"], "critical"),
        (["other"], "warning"),
    ]
    assert held == {(critical.fingerprint,)}

    await one.resolve(severity="critical")
    await one.until(200)
    assert one.vendor.arrivals[-1].firing == ["fraud"]
    assert one.vendor.arrivals[-1].delivery.notification.severity == "warning"


async def test_a_warning_that_was_paged_before_it_was_inhibited_is_closed_when_it_is_over() -> None:
    one = await Rig(ROUTE, muters=[Inhibition([RULE])]).start()
    await one.fire(severity="warning")
    await one.until(10)
    await one.fire(severity="critical")
    await one.until(20)
    await one.resolve(severity="warning")
    await one.until(200)
    await one.resolve(severity="critical")
    await one.until(300)

    assert (one.vendor.opened, one.vendor.closed, one.vendor.open, one.vendor.stray) == (2, 2, {}, 0)


async def test_what_inhibits_is_found_again_after_a_restart() -> None:
    one = await Rig(ROUTE, muters=[Inhibition([RULE])]).start()
    await one.fire(severity="critical")
    await one.until(10)
    await one.router.claim(2)
    await one.fire(severity="warning")
    await one.until(100)

    assert [arrival.delivery.notification.severity for arrival in one.vendor.arrivals] == ["critical"]
