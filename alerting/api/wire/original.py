"""The configuration as Alertmanager's tools can read it (``amtool config show``, ``config routes``), without secrets.

What they do not know would make them refuse the whole: driftbell's own keys are left out, and channels stand in comments.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import yaml

from driftbell.runtime.config.router import InhibitRule, NamedIntervals, Receiver, Route, RouterConfig
from driftbell.runtime.config.section import Section
from driftbell.runtime.config.show import shown

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_TIMERS = ("group_wait", "group_interval", "repeat_interval")


def original(settings: RouterConfig) -> str:
    """The text of ``config.original``."""
    root: dict[str, Any] = {"global": {"resolve_timeout": _duration(settings.global_.resolve_timeout)}}
    if settings.route is not None:
        root["route"] = _route(settings.route)
    root["inhibit_rules"] = [_given(rule) for rule in settings.inhibit_rules]
    root["receivers"] = [{"name": one.name} for one in settings.receivers]
    for key in ("mute_time_intervals", "time_intervals"):
        root[key] = [_intervals(one) for one in getattr(settings, key)]
    root["templates"] = []
    text: str = yaml.safe_dump(root, sort_keys=False, allow_unicode=True, width=120)
    return text + "".join(f"# {line}\n" for receiver in settings.receivers for line in _channels(receiver))


def _route(route: Route) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if route.receiver is not None:
        shown["receiver"] = route.receiver
    for key in ("group_by", "matchers", "match", "match_re"):
        if getattr(route, key):
            shown[key] = getattr(route, key)
    shown["continue"] = route.continue_
    for key in ("mute_time_intervals", "active_time_intervals"):
        if getattr(route, key):
            shown[key] = getattr(route, key)
    if route.routes:
        shown["routes"] = [_route(child) for child in route.routes]
    for key in _TIMERS:
        if getattr(route, key) is not None:
            shown[key] = _duration(getattr(route, key))
    return shown


def _given(rule: InhibitRule) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(rule).items() if value}


def _intervals(named: NamedIntervals) -> dict[str, Any]:
    def text(value: Any) -> Any:
        return [str(one) if isinstance(one, int) else one for one in value] if isinstance(value, list) else value

    intervals = [
        {key: text(value) for key, value in msgspec.to_builtins(one).items() if value is not None}
        for one in named.time_intervals
    ]
    return {"name": named.name, "time_intervals": intervals}


def _channels(receiver: Receiver) -> list[str]:
    """One line for each channel: JSON, so that nothing in it can begin a line of its own."""
    lines = []
    for key in receiver.__struct_fields__:
        value = getattr(receiver, key)
        if isinstance(value, list):
            lines += [
                f"{json.dumps(receiver.name)} {key}: {json.dumps(_given_of(one))}"
                for one in value
                if isinstance(one, Section)
            ]
    return lines


def _given_of(section: Section) -> dict[str, Any]:
    return {key: value for key, value in shown(section).items() if value is not None}


def _duration(seconds: float) -> str:
    rest = round(seconds * 1000)
    text = ""
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count:
            text += f"{count}{unit}"
    return text or "0s"
