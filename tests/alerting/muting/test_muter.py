"""What a muter is given, and what its answer does: an inhibition and a silence in a few lines each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muter, Muting
from driftbell.schemas import Alert
from tests.alerting.alerts import START_MS
from tests.alerting.rig import Rig

ROUTE: dict[str, Any] = {
    "group_by": ["model"],
    "group_wait": 1.0,
    "group_interval": 60.0,
    "routes": [{"name": "quiet", "receiver": "oncall", "matchers": ["team=quiet"]}],
}


class Inhibition:
    """A critical alert of a model mutes its warnings, in whatever group they are."""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        by = tuple(
            other.fingerprint
            for other in context.firing
            if other.labels["severity"] == "critical" and other.labels["model"] == alert.labels["model"]
        )
        return MuteAnswer(Muting(MuteKind.INHIBITED, by) if by and alert.labels["severity"] == "warning" else None)


@dataclass
class Silence:
    """Mutes everything until a time."""

    until_ms: int

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        if context.now_ms >= self.until_ms:
            return MuteAnswer()
        return MuteAnswer(Muting(MuteKind.SILENCED, ("s1",)), changes_ms=self.until_ms)


class QuietRoute:
    """Mutes what goes through one route."""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        quiet = context.route is not None and context.route.id.endswith("/quiet")
        return MuteAnswer(Muting(MuteKind.TIME_INTERVAL, ("nights",)) if quiet else None)


async def rig(*muters: Muter, **route: Any) -> Rig:
    return await Rig({**ROUTE, **route}, muters=muters).start()


async def test_a_warning_is_muted_by_a_critical_alert_of_another_group() -> None:
    one = await rig(Inhibition(), group_by=["model", "severity"])
    await one.fire(severity="critical")
    await one.fire(severity="warning")
    await one.fire("other", severity="warning")
    await one.until(30)

    assert [arrival.delivery.notification.severity for arrival in one.vendor.arrivals] == ["critical", "warning"]
    assert [arrival.firing for arrival in one.vendor.arrivals] == [["fraud"], ["other"]]


async def test_an_inhibition_ends_with_what_inhibits() -> None:
    one = await rig(Inhibition(), group_by=["model", "severity"])
    await one.fire(severity="critical")
    await one.fire(severity="warning")
    await one.until(30)
    await one.resolve(severity="critical")
    await one.until(200)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve", "trigger"]


async def test_what_mutes_is_named_in_the_decision_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    one = await rig(Inhibition(), Silence(START_MS + 600_000), group_by=["model", "severity"])
    with caplog.at_level(logging.INFO):
        await one.fire(severity="critical")
        await one.fire(severity="warning")
        await one.until(30)

    critical, warning = sorted(one.router.state.entries.values(), key=lambda entry: entry.alert.labels["severity"])  # type: ignore[union-attr]
    muted = {name: mute for _, decision in one.decisions for name, mute in decision.muted.items()}
    assert muted[warning.fingerprint].ids(MuteKind.INHIBITED) == (critical.fingerprint,)
    assert muted[warning.fingerprint].ids(MuteKind.SILENCED) == ("s1",)
    assert muted[critical.fingerprint].ids(MuteKind.INHIBITED) == ()
    logged = [record.__dict__["muted"] for record in caplog.records if record.message == "group flushed"]
    assert {warning.fingerprint: f"inhibited by {critical.fingerprint}; silenced by s1"} in logged


async def test_an_alert_goes_out_when_its_silence_ends_and_not_a_group_interval_later() -> None:
    one = await rig(Silence(START_MS + 90_000))
    await one.fire()
    await one.until(300)

    assert one.vendor.story == [(90.0, "trigger")]


async def test_a_silence_that_ends_later_changes_no_timer_of_what_it_does_not_mute() -> None:
    one = await rig(QuietRoute(), Silence(START_MS))
    await one.fire(team="loud")
    await one.until(200)

    assert [at for at, _ in one.decisions] == [1.0, 61.0, 121.0, 181.0]


async def test_a_muter_sees_the_route() -> None:
    one = await rig(QuietRoute())
    await one.fire("a", team="quiet")
    await one.fire("b", team="loud")
    await one.until(100)

    assert [arrival.firing for arrival in one.vendor.arrivals] == [["b"]]


async def test_an_answer_that_lies_in_the_past_does_not_make_the_router_spin() -> None:
    class Mistaken:
        def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
            return MuteAnswer(Muting(MuteKind.SILENCED, ("s",)), changes_ms=context.now_ms)

    one = await rig(Mistaken())
    await one.fire()
    await one.until(100)

    assert [at for at, _ in one.decisions] == [1.0, 61.0]
