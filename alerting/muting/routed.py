"""Where an alert with some labels would go, and whether its routes are mute at a moment: ``driftbell route test``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from driftbell.alerting.muting.time_intervals import TimeIntervals
from driftbell.alerting.routing.routes import Node, RouteOptions, group_key


@dataclass(frozen=True, slots=True)
class Routed:
    """One route that takes the alert.

    Args:
        route: its id: the names or matchers on the way from the root.
        options: complete after inheritance.
        group: the labels of the group that the alert would be in, and its key as Alertmanager writes it.
        group_key: see ``group``.
        muted_by: names of the time intervals that make the route mute at that moment; empty: it speaks.
    """

    route: str
    options: RouteOptions
    group: dict[str, str]
    group_key: str
    muted_by: tuple[str, ...]


def routed(tree: Node, intervals: TimeIntervals, labels: Mapping[str, str], at_ms: int) -> list[Routed]:
    """The routes that take an alert, in the order of the file.

    Args:
        tree: compiled.
        intervals: all named ones of the configuration.
        labels: of the alert; empty values count as absent, as in Alertmanager.
        at_ms: the moment, epoch milliseconds.
    """
    given = {name: value for name, value in labels.items() if value}
    found = []
    for node in tree.match(given):
        group = node.options.group_labels(given)
        muted_by = intervals.muted_by(node.options, at_ms)
        found.append(Routed(node.id, node.options, group, group_key(node, group), muted_by))
    return found
