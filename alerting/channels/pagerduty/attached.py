"""Links and images of the configuration on an event: templates, of which what is no address is left out.

Source: developer.pagerduty.com/docs/send-alert-event ("links", "images"; an image must be https).
"""

from __future__ import annotations

from dataclasses import dataclass

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import one_line, truncate, web_address

#: Not documented; a label of a link is a few words.
MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class Attached:
    """One link, or one image with ``source``: an image may lead somewhere too."""

    href: Template | None = None
    text: Template | None = None
    source: Template | None = None

    def link(self, delivery: Delivery) -> dict[str, str] | None:
        """As PagerDuty takes a link; None where the address is none."""
        href = _address(self.href, delivery)
        if href is None:
            return None
        text = _text(self.text, delivery)
        return {"href": href, "text": text} if text else {"href": href}

    def image(self, delivery: Delivery) -> dict[str, str] | None:
        """As PagerDuty takes an image; None where there is no https address of it."""
        source = _address(self.source, delivery)
        if source is None or not source.startswith("https://"):
            return None
        found = {"src": source, "href": _address(self.href, delivery), "alt": _text(self.text, delivery)}
        return {name: value for name, value in found.items() if value}


def _address(template: Template | None, delivery: Delivery) -> str | None:
    return None if template is None else web_address(template.render(delivery))


def _text(template: Template | None, delivery: Delivery) -> str:
    return "" if template is None else truncate(one_line(template.render(delivery)), MAX_TEXT)
