"""Slack's settings in a receiver, and their check."""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret

#: Slack's four forms of a mention (docs.slack.dev/messaging/formatting-message-text).
_MENTION = re.compile(r"<(?:!here|!channel|!everyone|!subteam\^[A-Z0-9]+|@[A-Z0-9]+)>")


class SlackConfig(ChannelConfig, frozen=True):
    """Slack by incoming webhook (``api_url``) or by the Web API (``bot_token`` and ``channel``).

    Only the Web API can edit: one message per incident, kept up to date, with a thread that tells its history.
    """

    api_url: Secret | None = None
    api_url_file: str | None = None
    api_url_env: str | None = None
    bot_token: Secret | None = None
    bot_token_file: str | None = None
    bot_token_env: str | None = None
    #: Channel id or #name; ids survive a renaming.
    channel: str | None = None
    #: Base of the Web API's methods, for Slack's government cloud and for tests.
    web_api_url: str = "https://slack.com/api/"
    #: Put before a message that opens an incident: <!here>, <!channel>, <!subteam^S0123>, <@U0123>.
    mentions: list[str] = []
    #: Jinja2 over the notification; absent: driftbell's own message.
    title: str | None = None
    text: str | None = None


def check(slack: SlackConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(slack, ("api_url", "bot_token"))
    yield from http_url(slack.api_url, ("api_url",))
    yield from http_url(slack.web_api_url, ("web_api_url",))
    by_webhook, by_token = is_given(slack, "api_url"), is_given(slack, "bot_token")
    if by_webhook and by_token:
        yield BadSetting(
            (), "both api_url and bot_token are given", "keep bot_token to have messages edited, or api_url"
        )
    if not by_webhook and not by_token:
        by_token = is_given(defaults, "slack_bot_token")
        by_webhook = not by_token and is_given(defaults, "slack_api_url")
    if not by_webhook and not by_token:
        yield BadSetting((), "Slack is given neither a webhook nor a token", "add api_url, or bot_token and channel")
    if by_token and not slack.channel:
        yield BadSetting((), "Slack's Web API needs a channel", "add channel: C0123456789 or '#name'")
    for index, mention in enumerate(slack.mentions):
        if _MENTION.fullmatch(mention) is None:
            yield BadSetting(
                ("mentions", index), f"{mention!r} is not a mention", "write <!here>, <!subteam^S01> or <@U01>"
            )
