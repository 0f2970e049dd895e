"""Microsoft Teams as a kind of channel. Its name is Alertmanager's: ``msteams`` was for connectors, which are no more."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.channels.teams.settings import TeamsConfig, check


def build(teams: TeamsConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.teams.teams import TeamsChannel

    return TeamsChannel(
        context.session,
        context.web_address(secret_of(teams, "webhook_url")),
        title=context.optional_template(teams.title, "title"),
        text=context.optional_template(teams.text, "text"),
    )


def address(teams: TeamsConfig) -> Address:
    """The workflow's webhook."""
    return (secret_of(teams, "webhook_url"),)


TEAMS = ChannelKind("msteamsv2", TeamsConfig, check, build, address)
