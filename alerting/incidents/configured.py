"""From the configuration to the rules that decide: the one place for the router and for the replay of a history."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.life.flapping import FlappingRule
from driftbell.alerting.muting.acknowledged import Acknowledger
from driftbell.alerting.muting.inhibition import Inhibition
from driftbell.alerting.muting.muter import Muter
from driftbell.alerting.muting.silenced import Silencer
from driftbell.alerting.muting.time_intervals import TimeIntervals
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.routing.routes import compile_tree
from driftbell.runtime.config.router import Route, RouterConfig


def dispatch_of(settings: RouterConfig, destinations: Sequence[Destination]) -> Dispatch:
    """The rules of a checked configuration, for the destinations behind its receivers."""
    tree = compile_tree(settings.route or Route())
    flapping = settings.flapping
    rule = FlappingRule(flapping.opens, round(flapping.window * 1000), round(flapping.quiet * 1000))
    return Dispatch(tree, destinations, muters_of(settings), external_url=settings.external_url, flapping=rule)


def muters_of(settings: RouterConfig) -> Sequence[Muter]:
    """What may hold alerts back, in Alertmanager's order. A new muter is made of its keys and returned here."""
    muters: list[Muter] = []
    if settings.inhibit_rules:
        muters.append(Inhibition(settings.inhibit_rules))
    if settings.time_intervals or settings.mute_time_intervals:
        muters.append(TimeIntervals([*settings.mute_time_intervals, *settings.time_intervals]))
    muters += [Silencer(), Acknowledger()]
    return muters
