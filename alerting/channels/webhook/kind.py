"""Alertmanager's webhook as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.channels.webhook.settings import WebhookConfig, check


def build(webhook: WebhookConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.http_config.options import options_of
    from driftbell.alerting.channels.webhook.webhook import WebhookChannel

    return WebhookChannel(
        context.session,
        context.web_address(secret_of(webhook, "url")),
        webhook.max_alerts,
        options_of(webhook.http_config, context),
    )


def address(webhook: WebhookConfig) -> Address:
    """The URL."""
    return (secret_of(webhook, "url"),)


WEBHOOK = ChannelKind("webhook", WebhookConfig, check, build, address, for_people=False)
