"""What to write in place of a key of an Alertmanager file that driftbell does not have."""

from __future__ import annotations

import re

#: Keys at the top that driftbell has in other words.
_AT_THE_TOP = {
    "templates": "templates are written where they are used, in Jinja2 (docs/routing.md)",
    "tracing": "driftbell has no tracing of its own",
}
_NO_CHANNEL = "no such channel here: use one of driftbell's (docs/routing.md), or webhook_configs"
_NO_HTTP = "it can be set for webhook_configs only"
_PROXY = "driftbell takes the proxy of this channel from the environment: set HTTPS_PROXY and NO_PROXY for the router"
_DETAILS = "driftbell's message has a form of its own; put what you need of it into"
#: By the kind of channel and the key.
_IN_CHANNEL = {
    (
        "pagerduty",
        "service_key",
    ): "the key of an old integration (Events API v1): add an Events API v2 integration to the "
    "service, and write its key as routing_key",
    (
        "pagerduty",
        "service_key_file",
    ): "the key of an old integration (Events API v1): add an Events API v2 integration to "
    "the service, and write its key's file as routing_key_file",
    ("pagerduty", "class"): f"{_DETAILS} details",
    ("pagerduty", "component"): f"{_DETAILS} details",
    ("pagerduty", "group"): f"{_DETAILS} details",
    ("email", "html"): "driftbell makes the HTML of its mails itself: leave it out, or write text",
    ("slack", "color"): "the colour follows the severity: leave it out",
    ("slack", "title_link"): "leave it out: the message links to router.external_url; or write the link into text",
    ("slack", "fallback"): "leave it out: driftbell makes it of its message",
    ("slack", "fields"): f"{_DETAILS} text",
    ("slack", "pretext"): f"{_DETAILS} text",
    ("webhook", "timeout"): "driftbell has a limit of its own for an answer, and tries again: leave it out",
}
_NOT_KNOWN = "there is no such key here"
_CHANNEL = re.compile(r"receivers\[\d+\]\.(\w+?)(?:v2)?_configs\[\d+\]")


def key(name: str, place: str) -> str:
    """What to do about a key that is not known at a place: ``receivers[0].slack_configs[1]``, or empty at the top."""
    if not place and name in _AT_THE_TOP:
        return _AT_THE_TOP[name]
    if name == "msteams_configs":
        return "Teams has closed these connectors: use msteamsv2_configs with the address of a workflow"
    if name.endswith("_configs") and re.fullmatch(r"receivers\[\d+\]", place):
        return _NO_CHANNEL
    if name.startswith("proxy_") and "http_config" in place:
        return _PROXY
    channel = _CHANNEL.match(place)
    if name == "http_config" and channel is not None:
        return f"{_NO_HTTP}; {_PROXY}"
    return _NOT_KNOWN if channel is None else _IN_CHANNEL.get((channel[1], name), _NOT_KNOWN)
