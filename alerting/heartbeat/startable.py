"""What a start of the heartbeat needs of the machine: its URL. ``config check`` asks the same."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.channels.secrets import unreadable
from driftbell.runtime.config.router_heartbeat import HeartbeatConfig
from driftbell.runtime.config.rules import BadSetting


def refusals(heartbeat: HeartbeatConfig) -> Iterator[BadSetting]:
    """A URL that cannot be read; paths are below ``router``. Connects to nothing."""
    yield from unreadable(heartbeat, "url", "heartbeat", called="URL")
