"""What a router's configuration says that is allowed and hardly meant: nobody is called, or a part of it does nothing.

``driftbell config check`` prints these as warnings, and a start and a reload write them to the log. ``router_check`` has
what is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.router import InhibitRule, Receiver, Route, RouterConfig
from driftbell.runtime.config.rules import BadSetting, is_given
from driftbell.runtime.matching.matchers import Matcher, Operator, parse_matchers

#: The root route's defaults (docs/routing.md), in seconds.
_GROUP_INTERVAL, _REPEAT_INTERVAL = 300.0, 4 * 3600.0


def router_warnings(router: RouterConfig, written: Collection[str]) -> Iterator[BadSetting]:
    """What is probably not meant, of a configuration in which ``router_check`` and the channels find no mistake.

    Args:
        router: the configuration.
        written: the keys below ``router`` that are given: an empty section is as its default, and still somebody's wish.
    """
    yield from _unheard(router, written)
    if router.is_default:
        yield BadSetting(
            (),
            "no receivers are configured: all pages go to the process log and call nobody",
            "add route and receivers",
        )
        return
    yield from _without_channels(router)
    for index, rule in enumerate(router.inhibit_rules):
        yield from _inhibition(rule, ("inhibit_rules", index))
    if router.route is not None:
        yield from _routes(router.route, ("route",), _GROUP_INTERVAL, _REPEAT_INTERVAL)


def _unheard(router: RouterConfig, written: Collection[str]) -> Iterator[BadSetting]:
    if "heartbeat" in written and not router.heartbeat.is_on:
        yield BadSetting(("heartbeat",), "nobody hears it, so it is off", "add url or receiver, or remove heartbeat")
    slack = router.slack_app
    if "slack_app" in written and not (is_given(slack, "app_token") or is_given(slack, "signing_secret")):
        yield BadSetting(
            ("slack_app",),
            "there are no buttons without a secret",
            "add app_token or signing_secret, or remove slack_app",
        )
    pagerduty = router.pagerduty_webhook
    if "pagerduty_webhook" in written and not is_given(pagerduty, "signing_secret"):
        yield BadSetting(
            ("pagerduty_webhook",), "it is off without a secret", "add signing_secret, or remove pagerduty_webhook"
        )


def _without_channels(router: RouterConfig) -> Iterator[BadSetting]:
    """On a child route a receiver without channels is the usual way to drop alerts; nobody means it elsewhere."""
    needed = {} if router.route is None else dict(_must_reach(router.route))
    for index, receiver in enumerate(router.receivers):
        if receiver.name in needed and not _channels(receiver):
            yield BadSetting(
                ("receivers", index),
                f"receiver {receiver.name!r} has no channels, and {needed[receiver.name]}",
                "add channels, such as slack_configs",
            )


def _must_reach(root: Route) -> Iterator[tuple[str, str]]:
    for step in _steps(root):
        yield step, "an escalation goes there: it calls nobody"
    if root.receiver is not None:
        yield root.receiver, "it gets what no other route takes: nobody hears of it"


def _steps(route: Route) -> Iterator[str]:
    for step in route.escalate or ():
        yield step.receiver
    for child in route.routes:
        yield from _steps(child)


def _channels(receiver: Receiver) -> bool:
    return any(getattr(receiver, key) for key in receiver.__struct_fields__ if key.endswith("_configs"))


def _inhibition(rule: InhibitRule, path: Path) -> Iterator[BadSetting]:
    source = rule.source_matchers or rule.source_match or rule.source_match_re
    target = rule.target_matchers or rule.target_match or rule.target_match_re
    if not source and not target:
        yield BadSetting(
            path, "without source_matchers and target_matchers it holds nothing back", "add both, or remove the rule"
        )
    elif not target:
        yield BadSetting(
            path,
            "without target_matchers it holds back every alert that is not on its source side",
            "add target_matchers",
        )
    elif not source:
        yield BadSetting(
            path,
            "without source_matchers any alert that is not on its target side holds those back",
            "add source_matchers",
        )


def _routes(route: Route, path: Path, group_interval: float, repeat_interval: float) -> Iterator[BadSetting]:
    interval = group_interval if route.group_interval is None else route.group_interval
    repeat = repeat_interval if route.repeat_interval is None else route.repeat_interval
    if repeat < interval and (route.repeat_interval is not None or route.group_interval is not None):
        key = "repeat_interval" if route.repeat_interval is not None else "group_interval"
        yield BadSetting(
            (*path, key),
            f"repeat_interval ({repeat:g} s) is shorter than group_interval ({interval:g} s), "
            "and a group is looked at only then",
            "make repeat_interval a multiple of group_interval",
        )
    taking: list[tuple[int, frozenset[Matcher]]] = []
    for index, child in enumerate(route.routes):
        here = _matchers(child)
        before = next((number for number, taken in taking if taken <= here), None)
        if before is not None:
            yield BadSetting(
                (*path, "routes", index),
                f"no alert comes here: routes[{before}] before it takes all that it matches",
                f"put it before that one, or give routes[{before}] continue: true",
            )
        if not child.continue_:
            taking.append((index, here))
        yield from _routes(child, (*path, "routes", index), interval, repeat)


def _matchers(route: Route) -> frozenset[Matcher]:
    return frozenset(
        [
            *(matcher for text in route.matchers for matcher in parse_matchers(text)),
            *(Matcher(name, Operator.EQUAL, value) for name, value in route.match.items()),
            *(Matcher(name, Operator.REGEX, value) for name, value in route.match_re.items()),
        ]
    )
