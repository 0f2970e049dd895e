"""PagerDuty as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.pagerduty.settings import ROUTING_KEY_LENGTH, PagerDutyConfig, check
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import SecretError


def build(pagerduty: PagerDutyConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel

    key = context.readable(secret_of(pagerduty, "routing_key"))
    try:
        sound = len(key.read()) == ROUTING_KEY_LENGTH and key.read().isalnum()
    except SecretError:
        sound = True  # refused as missing
    context.require(
        key,
        sound,
        f"a routing key has {ROUTING_KEY_LENGTH} letters and digits, this has another form",
        "copy the integration key of an Events API v2 integration",
    )
    return PagerDutyChannel(
        context.session,
        key,
        pagerduty.url or context.router.global_.pagerduty_url,
        client=pagerduty.client,
        client_url=pagerduty.client_url or context.router.external_url,
        description=context.optional_template(pagerduty.description, "description"),
        severity=context.optional_template(pagerduty.severity, "severity"),
        details={name: context.template(text, f"details.{name}") for name, text in pagerduty.details.items()},
    )


PAGERDUTY = ChannelKind("pagerduty", PagerDutyConfig, check, build)
