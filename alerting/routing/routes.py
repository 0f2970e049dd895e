"""The routing tree: which nodes an alert's labels lead to, and with what options.

Alertmanager's semantics (``dispatch/route.go``): depth first, left to right; the first matching child wins unless it
says ``continue``; a node whose children do not match is the match; children inherit what they do not set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftbell.runtime.config.router import Escalation, Route
from driftbell.runtime.matching.matchers import Matcher, all_match, all_matchers, describe

#: Alertmanager's defaults (``dispatch.DefaultRouteOpts``), milliseconds.
GROUP_WAIT_MS = 30_000
GROUP_INTERVAL_MS = 300_000
REPEAT_INTERVAL_MS = 4 * 3_600_000

#: ``group_by: ["..."]`` groups by all labels.
ALL_LABELS = "..."


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Who is told of an incident that nobody has taken on for so long."""

    after_ms: int
    receiver: str


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What a route says about its groups, complete after inheritance."""

    receiver: str
    group_by: frozenset[str]
    group_by_all: bool
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
    #: Not inherited.
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    #: How far apart alerts of one cause may begin (``driftbell.alerting.incidents.correlation``); None: not correlated.
    correlate_ms: int | None = None
    #: In the order of time.
    escalate: tuple[EscalationStep, ...] = ()
    #: After how long people are called once more for what nobody has taken on; None: never.
    remind_ms: int | None = None

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that decide which group an alert is in, sorted by name."""
        chosen = labels if self.group_by_all else (self.group_by & labels.keys())
        return {name: labels[name] for name in sorted(chosen)}


@dataclass(frozen=True, slots=True)
class Node:
    """One compiled route.

    ``id`` is stable across restarts and edits elsewhere in the file: the names (or else the matchers) on the way from
    the root, with a number where equal siblings would share it. ``key`` is Alertmanager's, which does not tell those
    apart.
    """

    id: str
    key: str
    matchers: tuple[Matcher, ...]
    continues: bool
    options: RouteOptions
    children: tuple[Node, ...] = field(repr=False)

    def match(self, labels: Mapping[str, str]) -> list[Node]:
        """The nodes that take an alert with these labels, in the order of the file."""
        if not all_match(self.matchers, labels):
            return []
        found: list[Node] = []
        for child in self.children:
            below = child.match(labels)
            found.extend(below)
            if below and not child.continues:
                break
        return found or [self]

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def compile_tree(root: Route) -> Node:
    """Compile a checked routing tree (``driftbell.runtime.config.router_check.check`` found no problem)."""
    defaults = RouteOptions(
        root.receiver or "", frozenset(), False, GROUP_WAIT_MS, GROUP_INTERVAL_MS, REPEAT_INTERVAL_MS
    )
    return _compile(root, defaults, "", "", {})


def _compile(route: Route, inherited: RouteOptions, parent_id: str, parent_key: str, taken: dict[str, int]) -> Node:
    matchers = all_matchers(route.match, route.match_re, route.matchers)
    text = describe(matchers)
    step = text if route.name is None else route.name
    # Equal siblings are numbered, so that each keeps its own timers and incidents.
    number = taken.get(step, 0)
    taken[step] = number + 1
    own_id = f"{parent_id}/{step}" if parent_id else step
    if number:
        own_id += f"#{number}"
    # Alertmanager shows the older form of a regex as it compiles it. The id stays as it was: incidents hang on it.
    wrapped = {name: f"^(?:{value})$" for name, value in route.match_re.items()}
    shown = describe(all_matchers(route.match, wrapped, route.matchers)) if wrapped else text
    key = f"{parent_key}/{shown}" if parent_key else shown
    options = _inherit(route, inherited)
    below: dict[str, int] = {}
    children = tuple(_compile(child, options, own_id, key, below) for child in route.routes)
    return Node(own_id, key, matchers, route.continue_, options, children)


def _inherit(route: Route, above: RouteOptions) -> RouteOptions:
    by_all, by = above.group_by_all, above.group_by
    # An empty list does not override the parent's, as in Alertmanager 0.25 (fixed in 0.31, #4825): see
    # driftbell.alerting.routing.differences.
    if route.group_by:
        by_all = ALL_LABELS in route.group_by
        by = frozenset() if by_all else frozenset(route.group_by)
    return RouteOptions(
        receiver=above.receiver if route.receiver is None else route.receiver,
        group_by=by,
        group_by_all=by_all,
        group_wait_ms=_ms(route.group_wait, above.group_wait_ms),
        group_interval_ms=_ms(route.group_interval, above.group_interval_ms),
        repeat_interval_ms=_ms(route.repeat_interval, above.repeat_interval_ms),
        mute_time_intervals=tuple(route.mute_time_intervals),
        active_time_intervals=tuple(route.active_time_intervals),
        escalate=above.escalate if route.escalate is None else _steps(route.escalate),
        remind_ms=above.remind_ms if route.remind is None else _ms(route.remind, 0) or None,
        correlate_ms=above.correlate_ms if route.correlate is None else _ms(route.correlate.window, 0) or None,
    )


def _steps(given: Sequence[Escalation]) -> tuple[EscalationStep, ...]:
    return tuple(EscalationStep(_ms(step.after, 0), step.receiver) for step in given)


def _ms(seconds: float | None, inherited: int) -> int:
    return inherited if seconds is None else round(seconds * 1000)


def group_key(node: Node, labels: Mapping[str, str]) -> str:
    """Alertmanager's text of a group: route key and group labels."""
    # The texts are sorted, not the names: a1="x" comes before a="x".
    shown = ", ".join(sorted(f"{name}={quoted(value)}" for name, value in labels.items()))
    return f"{node.key}:{{{shown}}}"


def group_id(node: Node, labels: Mapping[str, str]) -> str:
    """The group's identity: sha256 of route id and group labels, 32 hex digits; stable across restarts and reloads."""
    return digest("group", node.id, *(part for item in sorted(labels.items()) for part in item))


def digest(*parts: str) -> str:
    """32 hex digits of a sha256 over text parts, unambiguous whatever the parts contain."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", '"': '\\"', "\\": "\\\\"
}  # fmt: skip


def quoted(value: str) -> str:
    """A text as Go quotes it (``strconv.Quote``)."""
    return '"' + "".join(_ESCAPES.get(one) or (one if one.isprintable() else _code(one)) for one in value) + '"'


def _code(character: str) -> str:
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def receivers_of(nodes: Sequence[Node]) -> list[str]:
    """The receivers of matched nodes, in order (what ``amtool config routes test`` prints)."""
    return [node.options.receiver for node in nodes]
