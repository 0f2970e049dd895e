"""The process log as a kind of channel."""

from __future__ import annotations

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.kind import BuildContext, ChannelKind
from driftbell.alerting.channels.log.settings import LogConfig, check


def build(log: LogConfig, context: BuildContext) -> Channel:
    """The channel."""
    from driftbell.alerting.channels.log.log import LogChannel

    return LogChannel()


def address(log: LogConfig) -> Address:
    """There is one log."""
    return ()


LOG = ChannelKind("log", LogConfig, check, build, address, for_people=False)
