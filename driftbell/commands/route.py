"""``driftbell route``: the routing tree, and where an alert would go."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.errors import UsageError
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.alerting.muting.routed import Routed
    from driftbell.alerting.routing.routes import Node, RouteOptions


def register(commands: Commands) -> None:
    """Add the commands."""
    route = commands.group(
        "route",
        summary="show the routing tree, and where an alert would go",
        description="Reads the configuration and asks nobody: no router, Kafka or Redis has to run.",
    )
    test = route.add(
        "test",
        test_labels,
        summary="show which receivers an alert with some labels would reach",
        description="Shows every route that takes an alert with these labels: its receiver, its group, its times, and\n"
        "whether a time interval makes it mute at that moment. Silences and inhibitions are not looked at: `driftbell\n"
        "why` does, for an alert that fires. With --receivers it is a test: exit code 3 if the receivers are others, or\n"
        "in another order.",
        example="driftbell route test model=fraud severity=critical\n"
        "driftbell route test model=fraud severity=warning --at 2026-12-25T03:00:00+01:00\n"
        "driftbell route test model=fraud severity=critical --receivers oncall,archive",
    )
    test.add_argument("labels", nargs="*", metavar="LABEL=VALUE", help="the labels of the alert")
    test.add_argument("--at", metavar="TIME", help="RFC 3339 with its zone (default: now)")
    test.add_argument("--receivers", metavar="A,B", help="those it must reach, in order")
    takes_json(test, "one JSON object per route")
    show = route.add(
        "show",
        show_tree,
        summary="show the routing tree",
        description="Shows the routes as a tree, each with its receiver and its matchers. With --long also its name, what\n"
        "makes a group, its times, who is told when nobody acknowledges, and its time intervals.",
        example="driftbell route show\ndriftbell route show --long",
    )
    show.add_argument("-l", "--long", action="store_true", help="also names, groups, times and time intervals")
    takes_json(show, "one JSON object per route, with all that --long shows")


def test_labels(options: argparse.Namespace) -> int:
    """Route the labels and print."""
    import time

    from driftbell.alerting.channels.registry import in_force
    from driftbell.alerting.muting.routed import routed
    from driftbell.alerting.muting.time_intervals import TimeIntervals
    from driftbell.alerting.routing.routes import compile_tree
    from driftbell.router_commands import moment_ms
    from driftbell.runtime.config.router import Route
    from driftbell.runtime.printable import printable

    settings = in_force(configured(options).router)
    labels = _labels(options.labels)
    wanted = (
        None if options.receivers is None else _receivers(options.receivers, [one.name for one in settings.receivers])
    )
    at_ms = round(time.time() * 1000) if options.at is None else moment_ms(options.at, "--at")
    intervals = TimeIntervals([*settings.mute_time_intervals, *settings.time_intervals])
    found = routed(compile_tree(settings.route or Route()), intervals, labels, at_ms)
    for one in found:
        if options.json:
            print(json.dumps(_as_json(one), ensure_ascii=False))
        else:
            print(printable(_headline(one)))
            for line in _details(one, labels):
                print(printable(f"    {line}"))
    reached = [one.options.receiver for one in found]
    if wanted is not None and reached != wanted:
        print(printable(f"expected {', '.join(wanted)}; it reaches {', '.join(reached)}"))
        return ExitCode.FOUND
    return ExitCode.OK


def show_tree(options: argparse.Namespace) -> int:
    """Print the tree."""
    from driftbell.alerting.channels.registry import in_force
    from driftbell.alerting.routing.routes import compile_tree
    from driftbell.runtime.config.router import Route
    from driftbell.runtime.matching.matchers import describe
    from driftbell.runtime.printable import printable

    settings = in_force(configured(options).router)
    for node, depth in _walk(compile_tree(settings.route or Route()), 0):
        matchers = describe(node.matchers)
        if options.json:
            shown = {
                "route": node.id,
                "depth": depth,
                "receiver": node.options.receiver,
                "matchers": matchers,
                "continue": node.continues,
                **_options_as_json(node.options),
                "mute_time_intervals": list(node.options.mute_time_intervals),
                "active_time_intervals": list(node.options.active_time_intervals),
            }
            print(json.dumps(shown, ensure_ascii=False))
        else:
            more = "  (continues)" if node.continues else ""
            print(
                printable(f"{'    ' * depth}{matchers if depth else 'all alerts'}  ->  {node.options.receiver}{more}")
            )
            for line in _of_route(node) if options.long else ():
                print(printable(f"{'    ' * depth}  {line}"))
    return ExitCode.OK


def _walk(node: Node, depth: int) -> Iterator[tuple[Node, int]]:
    yield node, depth
    for child in node.children:
        yield from _walk(child, depth + 1)


def _labels(given: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is no label", "write name=value, for example model=fraud")
        if name.endswith("!") or value.startswith("~"):
            raise UsageError(
                f"{text!r} is a matcher, and an alert has labels", "write name=value, for example model=fraud"
            )
        if name in labels:
            raise UsageError(f"the label {name} is given twice")
        labels[name] = value
    return labels


def _receivers(text: str, known: list[str]) -> list[str]:
    from driftbell.runtime.config.rules import instead_of

    wanted = text.split(",")
    for name in wanted:
        if name not in known:
            raise UsageError(f"--receivers: there is no receiver {name!r}", instead_of(name, known, "define it"))
    return wanted


def _headline(one: Routed) -> str:
    mute = f"  MUTE: {', '.join(one.muted_by)}" if one.muted_by else ""
    return f"{one.options.receiver}  by route {one.route or '{}'}{mute}"


def _details(one: Routed, labels: dict[str, str]) -> Iterator[str]:
    from driftbell.alerting.times import length

    options = one.options
    group = [f"{name}={value}" for name, value in one.group.items()]
    group += [f"without {name}" for name in sorted(options.group_by) if not labels.get(name)]
    yield f"group: {', '.join(group) or 'all of its alerts together'}"
    if options.correlate_ms is not None:
        yield f"correlates: what begins within {length(options.correlate_ms)} is one incident"
    yield from _when(options)


def _of_route(node: Node) -> Iterator[str]:
    from driftbell.alerting.times import length

    options = node.options
    yield f"route {node.id}"
    if options.group_by_all:
        yield "groups by all labels"
    else:
        yield f"groups by {', '.join(sorted(options.group_by)) or 'nothing: all of its alerts together'}"
    if options.correlate_ms is not None:
        yield f"correlates: what begins within {length(options.correlate_ms)} is one incident"
    yield from _when(options)
    if options.mute_time_intervals:
        yield f"mute in {', '.join(options.mute_time_intervals)}"
    if options.active_time_intervals:
        yield f"mute outside {', '.join(options.active_time_intervals)}"


def _when(options: RouteOptions) -> Iterator[str]:
    from driftbell.alerting.times import length

    yield (
        f"first message after {length(options.group_wait_ms)}, news after {length(options.group_interval_ms)}, "
        f"repeats after {length(options.repeat_interval_ms)}"
    )
    for step in options.escalate:
        yield f"nobody has acknowledged it for {length(step.after_ms)}: {step.receiver} is told"
    if options.remind_ms is not None:
        yield f"nobody has acknowledged it for {length(options.remind_ms)}: called once more"


def _as_json(one: Routed) -> dict[str, Any]:
    options = one.options
    return {
        "receiver": options.receiver,
        "route": one.route,
        "group": one.group,
        "group_key": one.group_key,
        **_options_as_json(options),
        "muted_by": list(one.muted_by),
    }


def _options_as_json(options: RouteOptions) -> dict[str, Any]:
    return {
        "group_wait_ms": options.group_wait_ms,
        "group_interval_ms": options.group_interval_ms,
        "repeat_interval_ms": options.repeat_interval_ms,
        "correlate_ms": options.correlate_ms,
        "remind_ms": options.remind_ms,
        "escalate": [{"after_ms": step.after_ms, "receiver": step.receiver} for step in options.escalate],
    }
