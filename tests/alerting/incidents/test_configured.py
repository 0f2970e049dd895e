"""One place makes the rules of a configuration: the router and a replay decide alike."""

from __future__ import annotations

from typing import Any

import pytest

from driftbell.alerting.incidents import configured
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.process.reloading import plan
from driftbell.replay.messages import Messages
from driftbell.runtime.config.router import Route, RouterConfig
from driftbell.schemas import Alert
from tests.alerting.alerts import make_alert

SETTINGS = RouterConfig(route=Route(receiver="oncall", group_by=["model"]), receivers=[])


class Everything:
    """Mutes every alert."""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        return MuteAnswer(Muting(MuteKind.SILENCED, ("s1",)))


def test_what_the_configuration_mutes_is_no_message_in_a_replay_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> int:
        messages = Messages(SETTINGS)
        messages.take(make_alert())
        messages.finish()
        return messages.opened.total()

    assert opened() == 1
    monkeypatch.setattr(configured, "muters_of", lambda settings: (Everything(),))
    assert opened() == 0


def test_the_router_decides_by_the_same_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def dispatch_of(*arguments: Any) -> Dispatch:
        made.append(arguments)
        return configured.dispatch_of(*arguments)

    monkeypatch.setattr(plan, "dispatch_of", dispatch_of)
    plan.plan_of(SETTINGS, [], None).in_force([], {})  # type: ignore[arg-type]

    assert made == [(SETTINGS, [])]
