"""What the router's process serves and keeps open for vendors, from its configuration."""

from __future__ import annotations

from random import Random

import aiohttp

from driftbell.alerting.api.application import Mounted
from driftbell.alerting.channels.secrets import secret_of
from driftbell.alerting.inbound.asked import Commander
from driftbell.alerting.inbound.routes import pagerduty_route, slack_route
from driftbell.alerting.inbound.slack_socket import SlackSocket
from driftbell.runtime.config.router import RouterConfig


def mounted(settings: RouterConfig, commander: Commander) -> list[Mounted]:
    """The routes of what is signed, for the API's server."""
    routes = []
    secret = secret_of(settings.slack_app, "signing_secret")
    if secret is not None:
        routes.append(slack_route(secret, commander))
    secret = secret_of(settings.pagerduty_webhook, "signing_secret")
    if secret is not None:
        routes.append(pagerduty_route(secret, commander))
    return [Mounted(routes, checks_access=True)] if routes else []


def slack_socket(
    settings: RouterConfig, session: aiohttp.ClientSession, commander: Commander, random: Random
) -> SlackSocket | None:
    """Slack's Socket Mode, where there is a token for it."""
    token = secret_of(settings.slack_app, "app_token")
    if token is None:
        return None
    return SlackSocket(session, token, settings.slack_app.web_api_url, commander, random)
