"""A webhook's settings in a receiver, and their check."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.channels.http_config.settings import HttpConfig, http_problems
from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Natural, Secret


class WebhookConfig(ChannelConfig, frozen=True):
    """Alertmanager's webhook, version 4 of its JSON: whatever takes Alertmanager's takes ours."""

    url: Secret | None = None
    url_file: str | None = None
    url_env: str | None = None
    #: Alerts in one notification at most; 0 means as many as a notification holds (docs/routing.md).
    max_alerts: Natural = 0
    http_config: HttpConfig = HttpConfig()


def check(webhook: WebhookConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(webhook, ("url",))
    yield from http_url(webhook.url, ("url",))
    if not is_given(webhook, "url"):
        yield BadSetting((), "the webhook has no URL", "add url, url_file or url_env")
    if webhook.max_alerts < 0:
        yield BadSetting(("max_alerts",), "max_alerts is negative", "use 0 for no limit")
    yield from http_problems(webhook.http_config)
