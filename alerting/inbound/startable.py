"""What a start needs of the machine for what vendors send: its secrets. ``config check`` asks the same."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.channels.secrets import unreadable
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.rules import BadSetting


def refusals(settings: RouterConfig) -> Iterator[BadSetting]:
    """Secrets that cannot be read; paths are below ``router``. Connects to nothing."""
    for name in ("app_token", "signing_secret"):
        yield from unreadable(settings.slack_app, name, "slack_app")
    yield from unreadable(settings.pagerduty_webhook, "signing_secret", "pagerduty_webhook")
