"""The settings of the process log in a receiver."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting


class LogConfig(ChannelConfig, frozen=True):
    """Messages are written to the process log: the receiver when none is configured."""


def check(log: LogConfig, defaults: Global) -> Iterator[BadSetting]:
    """Nothing that types do not say."""
    yield from ()
