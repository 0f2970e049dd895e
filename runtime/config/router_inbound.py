"""The settings of what vendors send back: Slack's buttons and PagerDuty's webhooks; and their check."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret, Section


class SlackAppConfig(Section, frozen=True):
    """Buttons under Slack's messages (acknowledge, silence): by Socket Mode, or by signed HTTP on the API's server."""

    #: xapp-, with the scope connections:write: Socket Mode, for which no port has to be open.
    app_token: Secret | None = None
    app_token_file: str | None = None
    app_token_env: str | None = None
    #: Of the app's page: signed requests to /slack/actions of router.api.
    signing_secret: Secret | None = None
    signing_secret_file: str | None = None
    signing_secret_env: str | None = None
    #: Base of the Web API's methods, for Slack's government cloud and for tests.
    web_api_url: str = "https://slack.com/api/"


class PagerDutyWebhookConfig(Section, frozen=True):
    """What people do in PagerDuty, told by a webhook (v3) to /pagerduty/webhook of router.api."""

    #: Of the webhook subscription. A file may hold several, one a line, while one is rotated.
    signing_secret: Secret | None = None
    signing_secret_file: str | None = None
    signing_secret_env: str | None = None


def inbound_problems(
    slack: SlackAppConfig, pagerduty: PagerDutyWebhookConfig, *, has_api: bool
) -> Iterator[BadSetting]:
    """What cannot work; paths are below ``router``."""
    yield from one_form(slack, ("app_token", "signing_secret"), ("slack_app",))
    yield from http_url(slack.web_api_url, ("slack_app", "web_api_url"))
    yield from one_form(pagerduty, ("signing_secret",), ("pagerduty_webhook",))
    for section, name in ((slack, "slack_app"), (pagerduty, "pagerduty_webhook")):
        if is_given(section, "signing_secret") and not has_api:
            yield BadSetting(
                (name,), f"{name}.signing_secret is given, and nothing listens for requests", "set router.api.listen"
            )
