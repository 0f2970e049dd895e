"""PagerDuty's settings in a receiver, and their check."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret, Section

#: developer.pagerduty.com/docs/send-alert-event, "routing_key": 32 characters.
ROUTING_KEY_LENGTH = 32


class PagerDutyLink(Section, frozen=True):
    """A link on the incident."""

    #: Jinja2; what is no http:// or https:// address is left out.
    href: str
    #: Jinja2.
    text: str = ""


class PagerDutyImage(Section, frozen=True):
    """An image on the incident, which PagerDuty's users load from its address."""

    #: Jinja2; an https:// address.
    src: str
    #: Jinja2; where a click leads.
    href: str | None = None
    #: Jinja2.
    alt: str = ""


class PagerDutyConfig(ChannelConfig, frozen=True):
    """PagerDuty Events API v2."""

    routing_key: Secret | None = None
    routing_key_file: str | None = None
    routing_key_env: str | None = None
    url: str | None = None
    client: str = "driftbell"
    client_url: str | None = None
    #: Jinja2; absent: the alert's summary.
    description: str | None = None
    #: Jinja2; absent: the alert's ``severity`` label.
    severity: str | None = None
    details: dict[str, str] = {}
    #: Beside those of the alerts.
    links: list[PagerDutyLink] = []
    #: Such as a panel of a dashboard.
    images: list[PagerDutyImage] = []


def check(pagerduty: PagerDutyConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(pagerduty, ("routing_key",))
    yield from http_url(pagerduty.url, ("url",))
    if not is_given(pagerduty, "routing_key"):
        yield BadSetting((), "PagerDuty has no routing key", "add routing_key, routing_key_file or routing_key_env")
