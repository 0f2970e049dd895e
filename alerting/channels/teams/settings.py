"""Microsoft Teams' settings in a receiver, and their check."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret


class TeamsConfig(ChannelConfig, frozen=True):
    """Microsoft Teams: an Adaptive Card to the webhook of a workflow, which posts it to a channel or a chat."""

    webhook_url: Secret | None = None
    webhook_url_file: str | None = None
    webhook_url_env: str | None = None
    #: Jinja2 over the notification; absent: driftbell's own message.
    title: str | None = None
    text: str | None = None


def check(teams: TeamsConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(teams, ("webhook_url",))
    yield from http_url(teams.webhook_url, ("webhook_url",))
    if not is_given(teams, "webhook_url"):
        yield BadSetting((), "Teams has no webhook", "add webhook_url, webhook_url_file or webhook_url_env")
