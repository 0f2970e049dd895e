"""From the router's configuration to channels: one destination per channel of each receiver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.email import EmailChannel, Smarthost
from driftbell.alerting.channels.email.message import addresses, reserved
from driftbell.alerting.channels.log.log import LogChannel
from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel
from driftbell.alerting.channels.secrets import Secret, secret_of
from driftbell.alerting.channels.slack.api import SlackApiChannel
from driftbell.alerting.channels.slack.blocks import escape
from driftbell.alerting.channels.slack.webhook import SlackWebhookChannel
from driftbell.alerting.channels.webhook.webhook import WebhookChannel
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.rendering.templates import Template
from driftbell.runtime.config.router import (
    EmailConfig,
    Global,
    PagerDutyConfig,
    Receiver,
    RouterConfig,
    SlackConfig,
    WebhookConfig,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A destination with the channel that serves it."""

    destination: Destination
    channel: Channel


def build(router: RouterConfig, session: aiohttp.ClientSession) -> list[Endpoint]:
    """All channels of a checked configuration. Secrets are read once here, so that a missing one stops the start.

    Raises:
        RefusedError: a template, address or header cannot work; a secret cannot be read (``SecretError``).
    """
    endpoints: list[Endpoint] = []
    for receiver in router.receivers:
        endpoints += _receiver(receiver, router, session)
    return endpoints


def _receiver(receiver: Receiver, router: RouterConfig, session: aiohttp.ClientSession) -> Iterator[Endpoint]:
    defaults = router.global_
    for index, slack in enumerate(receiver.slack_configs):
        place = f"{receiver.name}/slack[{index}]"
        yield _endpoint(place, receiver, slack.send_resolved, _slack(slack, defaults, session, place))
    for index, pagerduty in enumerate(receiver.pagerduty_configs):
        place = f"{receiver.name}/pagerduty[{index}]"
        channel = _pagerduty(pagerduty, router, session, place)
        yield _endpoint(place, receiver, pagerduty.send_resolved, channel)
    for index, email in enumerate(receiver.email_configs):
        place = f"{receiver.name}/email[{index}]"
        yield _endpoint(place, receiver, email.send_resolved, _email(email, defaults, place))
    for index, webhook in enumerate(receiver.webhook_configs):
        place = f"{receiver.name}/webhook[{index}]"
        yield _endpoint(place, receiver, webhook.send_resolved, _webhook(webhook, session, place))
    for index, log in enumerate(receiver.log_configs):
        yield _endpoint(f"{receiver.name}/log[{index}]", receiver, log.send_resolved, LogChannel())


def _endpoint(place: str, receiver: Receiver, send_resolved: bool, channel: Channel) -> Endpoint:
    return Endpoint(Destination(place, receiver.name, send_resolved), channel)


def _slack(slack: SlackConfig, defaults: Global, session: aiohttp.ClientSession, place: str) -> Channel:
    title = _template(slack.title, f"{place}.title")
    text = Template(slack.text, f"{place}.text", escape) if slack.text is not None else None
    url, token = secret_of(slack, "api_url"), secret_of(slack, "bot_token")
    if url is None and token is None:
        token = secret_of(defaults, "slack_bot_token")
        url = secret_of(defaults, "slack_api_url") if token is None else None
    if token is not None and slack.channel is not None:
        return SlackApiChannel(
            session,
            _readable(token, place),
            slack.channel,
            slack.web_api_url,
            mentions=slack.mentions,
            title=title,
            text=text,
        )
    return SlackWebhookChannel(session, _readable(url, place), mentions=slack.mentions, title=title, text=text)


def _pagerduty(pagerduty: PagerDutyConfig, router: RouterConfig, session: aiohttp.ClientSession, place: str) -> Channel:
    return PagerDutyChannel(
        session,
        _readable(secret_of(pagerduty, "routing_key"), place),
        pagerduty.url or router.global_.pagerduty_url,
        client=pagerduty.client,
        client_url=pagerduty.client_url or router.external_url,
        description=_template(pagerduty.description, f"{place}.description"),
        severity=_template(pagerduty.severity, f"{place}.severity"),
        details={name: Template(text, f"{place}.details.{name}") for name, text in pagerduty.details.items()},
    )


def _email(email: EmailConfig, defaults: Global, place: str) -> Channel:
    host, _, port = (email.smarthost or defaults.smtp_smarthost or "").rpartition(":")
    password = secret_of(email, "auth_password") or secret_of(defaults, "smtp_auth_password")
    smarthost = Smarthost(
        host=host.strip("[]"),
        port=int(port),
        require_tls=defaults.smtp_require_tls if email.require_tls is None else email.require_tls,
        hello=email.hello or defaults.smtp_hello,
        username=email.auth_username or defaults.smtp_auth_username,
        password=None if password is None else _readable(password, place),
        tls_ca_file=email.tls_ca_file,
    )
    sender = email.from_ or defaults.smtp_from or ""
    try:
        recipients = addresses(email.to or "")
        addresses(sender)
    except ValueError as error:
        raise RefusedError(f"{place}: {error}") from error
    for header in email.headers:
        if reserved(header):
            raise RefusedError(f"{place}: header {header} is set by driftbell and cannot be configured")
    headers = {name.title(): Template(text, f"{place}.headers.{name}") for name, text in email.headers.items()}
    text = _template(email.text, f"{place}.text")
    try:
        return EmailChannel(smarthost, sender, recipients, headers=headers, text=text)
    except OSError as error:
        raise RefusedError(f"{place}.tls_ca_file: {email.tls_ca_file} cannot be used ({error})") from error


def _webhook(webhook: WebhookConfig, session: aiohttp.ClientSession, place: str) -> Channel:
    return WebhookChannel(session, _readable(secret_of(webhook, "url"), place), webhook.max_alerts)


def _template(source: str | None, place: str) -> Template | None:
    return None if source is None else Template(source, place)


def _readable(secret: Secret | None, place: str) -> Secret:
    if secret is None:
        raise RefusedError(f"{place}: no secret is configured")
    secret.read()
    return secret
