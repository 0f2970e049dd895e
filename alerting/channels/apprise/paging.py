"""Nobody may rely on Apprise for a page: it does not say why a message failed, so no receiver of grave alerts has it alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.router import Route, RouterConfig
from driftbell.runtime.config.rules import BadSetting
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, all_match, all_matchers

#: Severities for which somebody is called. What is written otherwise counts as a warning.
GRAVE: Final = frozenset({"critical", "error"})
_LABEL: Final = "severity"


def unreliable(router: RouterConfig, only_apprise: Mapping[str, Path]) -> Iterator[BadSetting]:
    """What is wrong with receivers that have no other channel that pages; paths are below ``router``.

    Args:
        router: with the tree of routes.
        only_apprise: by name, those receivers, and where their channel stands.
    """
    if router.route is None or not only_apprise:
        return
    try:
        reached = dict(reversed(list(_reached(router.route, GRAVE, None, ()))))
    except BadMatcherError:
        return  # It is reported where the matchers are checked.
    for name, path in only_apprise.items():
        if name in reached:
            yield BadSetting(
                path,
                f"Apprise is the only channel of {name!r}, which {' and '.join(sorted(reached[name]))} alerts may reach",
                'add a channel that pages (not log), or put severity=~"warning|info" on its routes',
            )


def _reached(
    route: Route, above: frozenset[str], receiver: str | None, escalation: tuple[str, ...]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Receivers, and which grave severities may reach them; with a doubt they do."""
    grave = frozenset(value for value in above if _admits(_matchers(route), value))
    receiver = receiver if route.receiver is None else route.receiver
    if route.escalate is not None:
        escalation = tuple(step.receiver for step in route.escalate)
    # What a child takes whatever its other labels are does not stay here.
    here = frozenset(value for value in grave if not any(_takes(child, value) for child in route.routes))
    if here:
        yield from ((name, here) for name in (receiver, *escalation) if name is not None)
    for child in route.routes:
        yield from _reached(child, grave, receiver, escalation)


def _matchers(route: Route) -> tuple[Matcher, ...]:
    return all_matchers(route.match, route.match_re, route.matchers)


def _admits(matchers: Iterable[Matcher], severity: str) -> bool:
    return all_match((one for one in matchers if one.name == _LABEL), {_LABEL: severity})


def _takes(route: Route, severity: str) -> bool:
    matchers = _matchers(route)
    return all(one.name == _LABEL for one in matchers) and _admits(matchers, severity)
