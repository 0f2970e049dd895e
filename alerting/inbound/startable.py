"""What a start needs of the machine for what vendors send: its secrets. ``config check`` asks the same."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.rules import BadSetting


def refusals(settings: RouterConfig) -> Iterator[BadSetting]:
    """Secrets that cannot be read; paths are below ``router``. Connects to nothing."""
    for section, where in ((settings.slack_app, "slack_app"), (settings.pagerduty_webhook, "pagerduty_webhook")):
        for name in ("app_token", "signing_secret"):
            secret = secret_of(section, name) if hasattr(section, name) else None
            if secret is None:
                continue
            try:
                secret.read()
            except SecretError as error:
                yield BadSetting((where, secret.key), str(error), "correct it, or put the secret there")
