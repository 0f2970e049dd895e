"""What a start of the heartbeat needs of the machine: its URL. ``config check`` asks the same."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router_heartbeat import HeartbeatConfig
from driftbell.runtime.config.rules import BadSetting


def refusals(heartbeat: HeartbeatConfig) -> Iterator[BadSetting]:
    """A URL that cannot be read; paths are below ``router``. Connects to nothing."""
    url = secret_of(heartbeat, "url")
    if url is None:
        return
    try:
        url.read()
    except SecretError as error:
        yield BadSetting(("heartbeat", url.key), str(error), "correct it, or put the URL there")
