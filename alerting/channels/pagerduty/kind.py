"""PagerDuty as a kind of channel."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.pagerduty.settings import ROUTING_KEY_LENGTH, PagerDutyConfig, check
from driftbell.alerting.channels.secrets import secret_of
from driftbell.runtime.config.router import Global
from driftbell.runtime.config.rules import BadSetting


def build(pagerduty: PagerDutyConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.pagerduty.attached import Attached
    from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel

    key = context.readable(secret_of(pagerduty, "routing_key"))
    context.examine(key, _routing_key)
    return PagerDutyChannel(
        context.session,
        key,
        pagerduty.url or context.router.global_.pagerduty_url,
        client=pagerduty.client,
        client_url=pagerduty.client_url or context.router.external_url,
        description=context.optional_template(pagerduty.description, "description"),
        severity=context.optional_template(pagerduty.severity, "severity"),
        details={name: context.template(text, f"details.{name}") for name, text in pagerduty.details.items()},
        links=[
            Attached(context.template(one.href, f"links.{at}"), context.template(one.text, f"links.{at}"))
            for at, one in enumerate(pagerduty.links)
        ],
        images=[
            Attached(
                href=context.optional_template(one.href, f"images.{at}"),
                text=context.template(one.alt, f"images.{at}"),
                source=context.template(one.src, f"images.{at}"),
            )
            for at, one in enumerate(pagerduty.images)
        ],
    )


def _routing_key(key: str) -> Iterator[BadSetting]:
    if len(key) != ROUTING_KEY_LENGTH or not key.isalnum():
        yield BadSetting(
            (),
            f"a routing key has {ROUTING_KEY_LENGTH} letters and digits, this has another form",
            "copy the integration key of an Events API v2 integration",
        )


def filled(pagerduty: PagerDutyConfig, defaults: Global) -> PagerDutyConfig:
    """With the URL of ``global``."""
    return msgspec.structs.replace(pagerduty, url=pagerduty.url or defaults.pagerduty_url)


def address(pagerduty: PagerDutyConfig) -> Address:
    """Another routing key is another service, which does not know the incidents of this one."""
    return (pagerduty.url, secret_of(pagerduty, "routing_key"))


PAGERDUTY = ChannelKind("pagerduty", PagerDutyConfig, check, build, address, filled)
