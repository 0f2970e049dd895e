"""The rules of the router's configuration that types cannot say: Alertmanager's, and those of driftbell's own keys.

Every mistake carries the path of keys and indices to the place in the file, so that a loader can name the line. The
settings of channels are checked by ``driftbell.alerting.channels.registry.check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.router import InhibitRule, Route, RouterConfig
from driftbell.runtime.config.router_api import api_problems
from driftbell.runtime.config.router_heartbeat import heartbeat_problems
from driftbell.runtime.config.router_inbound import inbound_problems
from driftbell.runtime.config.router_intervals import interval_problems
from driftbell.runtime.config.rules import BadSetting, host_and_port, http_url, instead_of, one_form
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, Operator, is_label_name, parse_matchers


class RouterConfigError(ValueError):
    """The router's configuration cannot work. ``problems`` has all of them, in the order of the file."""

    def __init__(self, problems: Sequence[BadSetting]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def check(router: RouterConfig) -> list[BadSetting]:
    """Everything that is wrong with a router's configuration; an empty list when nothing is."""
    if router.is_default:
        return [
            *api_problems(router.api),
            *_inbound(router),
            *_flapping(router),
            *heartbeat_problems(router.heartbeat, ()),
        ]
    return [
        *_receivers(router),
        *_tree(router),
        *_inhibition(router),
        *interval_problems(router),
        *api_problems(router.api),
        *_inbound(router),
        *_flapping(router),
        *heartbeat_problems(router.heartbeat, router.receivers),
    ]


def _flapping(router: RouterConfig) -> Iterator[BadSetting]:
    for key in ("window", "quiet"):
        if getattr(router.flapping, key) == 0:
            yield BadSetting(("flapping", key), f"{key} cannot be zero", "give it a duration; opens: 0 damps nothing")


def _inbound(router: RouterConfig) -> Iterator[BadSetting]:
    return inbound_problems(router.slack_app, router.pagerduty_webhook, has_api=router.api.listen is not None)


def _tree(router: RouterConfig) -> Iterator[BadSetting]:
    root = router.route
    if root is None:
        yield BadSetting((), "receivers are configured but no route", "add route: {receiver: <name>}")
        return
    path: Path = ("route",)
    if root.receiver is None:
        yield BadSetting(
            path, "the root route has no receiver", "add receiver: <name>, which gets what no other route takes"
        )
    for key in ("matchers", "match", "match_re"):
        if getattr(root, key):
            yield BadSetting(
                (*path, key), "the root route must match everything", f"remove {key}, or put it on a child route"
            )
    for key in ("mute_time_intervals", "active_time_intervals"):
        if getattr(root, key):
            yield BadSetting(
                (*path, key), "the root route gets what no other takes, at any time", f"put {key} on a child route"
            )
    if root.continue_:
        yield BadSetting((*path, "continue"), "the root route has no sibling to continue with", "remove continue")
    yield from _route(root, path, {receiver.name for receiver in router.receivers}, {})


def _route(route: Route, path: Path, receivers: set[str], names: dict[str, Path]) -> Iterator[BadSetting]:
    if route.receiver is not None and route.receiver not in receivers:
        yield _no_receiver(route.receiver, (*path, "receiver"), receivers)
    if route.name is not None:
        if not route.name or route.name in names:
            yield BadSetting(
                (*path, "name"), f"route name {route.name!r} is not unique", "give every named route its own name"
            )
        names[route.name] = path
    yield from _matchers(route, path)
    yield from _group_by(route, path)
    for key in ("group_interval", "repeat_interval"):
        if getattr(route, key) == 0:
            yield BadSetting((*path, key), f"{key} cannot be zero", "give it a duration such as 5m, or leave it out")
    yield from _escalation(route, path, receivers)
    for index, child in enumerate(route.routes):
        yield from _route(child, (*path, "routes", index), receivers, names)


def _no_receiver(name: str, path: Path, receivers: set[str]) -> BadSetting:
    fix = instead_of(name, receivers, f"define it: receivers: [{{name: {name}}}]")
    return BadSetting(path, f"receiver {name!r} is not defined", fix)


def _escalation(route: Route, path: Path, receivers: set[str]) -> Iterator[BadSetting]:
    before = 0.0
    for index, step in enumerate(route.escalate or ()):
        place = (*path, "escalate", index)
        if step.receiver not in receivers:
            yield _no_receiver(step.receiver, (*place, "receiver"), receivers)
        if step.after <= before:
            problem = "after must be longer than that of the step before" if index else "after cannot be zero"
            yield BadSetting((*place, "after"), problem, "order the steps by time, the first of them such as 10m")
        before = step.after


def _inhibition(router: RouterConfig) -> Iterator[BadSetting]:
    for index, rule in enumerate(router.inhibit_rules):
        path: Path = ("inhibit_rules", index)
        yield from _matchers(rule, path, "source_")
        yield from _matchers(rule, path, "target_")
        for position, label in enumerate(rule.equal):
            if not is_label_name(label):
                yield BadSetting(
                    (*path, "equal", position), f"{label!r} is not a label name", "use letters, digits and _"
                )


def _matchers(section: Route | InhibitRule, path: Path, side: str = "") -> Iterator[BadSetting]:
    fix = 'write label="value", with =, !=, =~ or !~'
    for index, text in enumerate(getattr(section, f"{side}matchers")):
        try:
            parse_matchers(text)
        except BadMatcherError as error:
            yield BadSetting((*path, f"{side}matchers", index), str(error), fix)
    for key, operator in ((f"{side}match", Operator.EQUAL), (f"{side}match_re", Operator.REGEX)):
        for name, value in getattr(section, key).items():
            if not is_label_name(name):
                yield BadSetting((*path, key, name), f"{name!r} is not a label name", "use letters, digits and _")
            try:
                Matcher(name, operator, value)
            except BadMatcherError as error:
                yield BadSetting((*path, key, name), str(error), fix)


def _group_by(route: Route, path: Path) -> Iterator[BadSetting]:
    labels = route.group_by or []
    for index, label in enumerate(labels):
        place = (*path, "group_by", index)
        if label in labels[:index]:
            yield BadSetting(place, f"label {label!r} is in group_by twice", "remove one")
        elif label == "..." and len(set(labels)) > 1:
            yield BadSetting(place, "group_by has '...' and other labels", "keep '...' alone, or remove it")
        elif label != "..." and not is_label_name(label):
            yield BadSetting(place, f"{label!r} is not a label name", "use letters, digits and _")


def _receivers(router: RouterConfig) -> Iterator[BadSetting]:
    seen: set[str] = set()
    yield from one_form(router.global_, ("slack_api_url", "slack_bot_token", "smtp_auth_password"), ("global",))
    yield from http_url(router.global_.pagerduty_url, ("global", "pagerduty_url"))
    yield from http_url(router.global_.slack_api_url, ("global", "slack_api_url"))
    yield from host_and_port(router.global_.smtp_smarthost, ("global", "smtp_smarthost"))
    for index, receiver in enumerate(router.receivers):
        path: Path = ("receivers", index)
        if not receiver.name:
            yield BadSetting((*path, "name"), "a receiver has no name", "name it")
        if receiver.name in seen:
            yield BadSetting((*path, "name"), f"receiver name {receiver.name!r} is not unique", "rename one of them")
        seen.add(receiver.name)
