"""Forwarding to an Alertmanager as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.alertmanager.settings import AlertmanagerConfig, check
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind


def build(alertmanager: AlertmanagerConfig, context: BuildContext) -> Channel:
    """The channel of checked settings."""
    from driftbell.alerting.channels.alertmanager.alertmanager import AlertmanagerChannel
    from driftbell.alerting.channels.http_config.options import options_of

    return AlertmanagerChannel(
        context.session,
        alertmanager.addresses,
        options=options_of(alertmanager.http_config, context),
        keep_seconds=alertmanager.resend_interval,
        resolve_after_seconds=alertmanager.resolve_after,
    )


def address(alertmanager: AlertmanagerConfig) -> Address:
    """The members, in any order."""
    return tuple(sorted(alertmanager.addresses))


ALERTMANAGER = ChannelKind("alertmanager", AlertmanagerConfig, check, build, address, for_people=False)
