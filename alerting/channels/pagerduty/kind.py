"""PagerDuty as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.pagerduty.settings import PagerDutyConfig, check
from driftbell.alerting.channels.secrets import secret_of


def build(pagerduty: PagerDutyConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel

    return PagerDutyChannel(
        context.session,
        context.readable(secret_of(pagerduty, "routing_key")),
        pagerduty.url or context.router.global_.pagerduty_url,
        client=pagerduty.client,
        client_url=pagerduty.client_url or context.router.external_url,
        description=context.optional_template(pagerduty.description, "description"),
        severity=context.optional_template(pagerduty.severity, "severity"),
        details={name: context.template(text, f"details.{name}") for name, text in pagerduty.details.items()},
    )


PAGERDUTY = ChannelKind("pagerduty", PagerDutyConfig, check, build)
