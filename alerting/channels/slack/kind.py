"""Slack as a kind of channel: by the Web API where there is a token and a channel, else by webhook."""

from __future__ import annotations

import msgspec

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.channels.slack.settings import SlackConfig, check
from driftbell.runtime.config.router import Global
from driftbell.runtime.config.router_inbound import SlackAppConfig
from driftbell.runtime.config.rules import SECRET_FORMS, is_given


def build(slack: SlackConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.slack.api import SlackApiChannel
    from driftbell.alerting.channels.slack.blocks import escape
    from driftbell.alerting.channels.slack.webhook import SlackWebhookChannel

    title = context.optional_template(slack.title, "title")
    text = context.optional_template(slack.text, "text", escape)
    url, token = secret_of(slack, "api_url"), secret_of(slack, "bot_token")
    if url is None and token is None:
        token = secret_of(context.router.global_, "slack_bot_token")
        url = secret_of(context.router.global_, "slack_api_url") if token is None else None
    if token is not None and slack.channel is not None:
        return SlackApiChannel(
            context.session,
            context.readable(token),
            slack.channel,
            slack.web_api_url,
            mentions=slack.mentions,
            title=title,
            text=text,
            has_buttons=_has_buttons(context.router.slack_app),
        )
    return SlackWebhookChannel(
        context.session, context.web_address(url), mentions=slack.mentions, title=title, text=text
    )


def filled(slack: SlackConfig, defaults: Global) -> SlackConfig:
    """With the token of ``global``, or its webhook if there is no token."""
    if is_given(slack, "api_url") or is_given(slack, "bot_token"):
        return slack
    name = "bot_token" if is_given(defaults, "slack_bot_token") else "api_url"
    given = {name + form: getattr(defaults, f"slack_{name}{form}") for form in SECRET_FORMS}
    return msgspec.structs.replace(slack, **given)


def address(slack: SlackConfig) -> Address:
    """The channel, whatever token posts there; or the webhook's URL."""
    if is_given(slack, "bot_token"):
        return ("channel", slack.web_api_url, slack.channel)
    return ("webhook", secret_of(slack, "api_url"))


def _has_buttons(app: SlackAppConfig) -> bool:
    return any(secret_of(app, name) is not None for name in ("app_token", "signing_secret"))


SLACK = ChannelKind("slack", SlackConfig, check, build, address, filled)
