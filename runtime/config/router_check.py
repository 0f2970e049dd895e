"""The rules of the router's configuration that types cannot say: Alertmanager's, and those of driftbell's own keys.

Every problem carries the path of keys and indices to the place in the file, so that a loader can name the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from driftbell.runtime.config.router import (
    ChannelConfig,
    EmailConfig,
    Global,
    PagerDutyConfig,
    Receiver,
    Route,
    RouterConfig,
    SlackConfig,
    WebhookConfig,
)
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, Operator, is_label_name, parse_matchers

Path = tuple[str | int, ...]

#: Slack's four forms of a mention (docs.slack.dev/messaging/formatting-message-text).
_MENTION = re.compile(r"<(?:!here|!channel|!everyone|!subteam\^[A-Z0-9]+|@[A-Z0-9]+)>")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (keys and indices below ``router``), what, and what to do about it."""

    path: Path
    message: str
    fix: str

    def __str__(self) -> str:
        place = "router"
        for step in self.path:
            place += f"[{step}]" if isinstance(step, int) else f".{step}"
        return f"{place}: {self.message}; {self.fix}"


class RouterConfigError(ValueError):
    """The router's configuration cannot work. ``problems`` has all of them, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def check(router: RouterConfig) -> list[Problem]:
    """Everything that is wrong with a router's configuration; an empty list when nothing is."""
    if router.is_default:
        return []
    return [*_receivers(router), *_tree(router)]


def _tree(router: RouterConfig) -> Iterator[Problem]:
    root = router.route
    if root is None:
        yield Problem((), "receivers are configured but no route", "add route: {receiver: <name>}")
        return
    path: Path = ("route",)
    if root.receiver is None:
        yield Problem(
            path, "the root route has no receiver", "add receiver: <name>, which gets what no other route takes"
        )
    for key in ("matchers", "match", "match_re"):
        if getattr(root, key):
            yield Problem(
                (*path, key), "the root route must match everything", f"remove {key}, or put it on a child route"
            )
    if root.continue_:
        yield Problem((*path, "continue"), "the root route has no sibling to continue with", "remove continue")
    yield from _route(root, path, {receiver.name for receiver in router.receivers}, {})


def _route(route: Route, path: Path, receivers: set[str], names: dict[str, Path]) -> Iterator[Problem]:
    if route.receiver is not None and route.receiver not in receivers:
        known = ", ".join(sorted(receivers)) or "none"
        yield Problem((*path, "receiver"), f"receiver {route.receiver!r} is not defined", f"use one of: {known}")
    if route.name is not None:
        if not route.name or route.name in names:
            yield Problem(
                (*path, "name"), f"route name {route.name!r} is not unique", "give every named route its own name"
            )
        names[route.name] = path
    yield from _matchers(route, path)
    yield from _group_by(route, path)
    for key in ("group_interval", "repeat_interval"):
        if getattr(route, key) == 0:
            yield Problem((*path, key), f"{key} cannot be zero", "give it a duration such as 5m, or leave it out")
    for index, child in enumerate(route.routes):
        yield from _route(child, (*path, "routes", index), receivers, names)


def _matchers(route: Route, path: Path) -> Iterator[Problem]:
    fix = 'write label="value", with =, !=, =~ or !~'
    for index, text in enumerate(route.matchers):
        try:
            parse_matchers(text)
        except BadMatcherError as error:
            yield Problem((*path, "matchers", index), str(error), fix)
    for key, operator in (("match", Operator.EQUAL), ("match_re", Operator.REGEX)):
        for name, value in getattr(route, key).items():
            if not is_label_name(name):
                yield Problem((*path, key, name), f"{name!r} is not a label name", "use letters, digits and _")
            try:
                Matcher(name, operator, value)
            except BadMatcherError as error:
                yield Problem((*path, key, name), str(error), fix)


def _group_by(route: Route, path: Path) -> Iterator[Problem]:
    labels = route.group_by or []
    for index, label in enumerate(labels):
        place = (*path, "group_by", index)
        if label in labels[:index]:
            yield Problem(place, f"label {label!r} is in group_by twice", "remove one")
        elif label == "..." and len(set(labels)) > 1:
            yield Problem(place, "group_by has '...' and other labels", "keep '...' alone, or remove it")
        elif label != "..." and not is_label_name(label):
            yield Problem(place, f"{label!r} is not a label name", "use letters, digits and _")


def _receivers(router: RouterConfig) -> Iterator[Problem]:
    seen: set[str] = set()
    yield from _one_form(router.global_, ("global",), ("slack_api_url", "slack_bot_token", "smtp_auth_password"))
    yield from _url(router.global_.pagerduty_url, ("global", "pagerduty_url"))
    yield from _url(router.global_.slack_api_url, ("global", "slack_api_url"))
    yield from _smarthost(router.global_.smtp_smarthost, ("global", "smtp_smarthost"))
    for index, receiver in enumerate(router.receivers):
        path: Path = ("receivers", index)
        if not receiver.name:
            yield Problem((*path, "name"), "a receiver has no name", "name it")
        if receiver.name in seen:
            yield Problem((*path, "name"), f"receiver name {receiver.name!r} is not unique", "rename one of them")
        seen.add(receiver.name)
        yield from _channels(receiver, path, router.global_)


def _channels(receiver: Receiver, path: Path, defaults: Global) -> Iterator[Problem]:
    for index, slack in enumerate(receiver.slack_configs):
        yield from _slack(slack, (*path, "slack_configs", index), defaults)
    for index, pagerduty in enumerate(receiver.pagerduty_configs):
        yield from _pagerduty(pagerduty, (*path, "pagerduty_configs", index))
    for index, email in enumerate(receiver.email_configs):
        yield from _email(email, (*path, "email_configs", index), defaults)
    for index, webhook in enumerate(receiver.webhook_configs):
        yield from _webhook(webhook, (*path, "webhook_configs", index))


def _slack(slack: SlackConfig, path: Path, defaults: Global) -> Iterator[Problem]:
    yield from _one_form(slack, path, ("api_url", "bot_token"))
    yield from _url(slack.api_url, (*path, "api_url"))
    yield from _url(slack.web_api_url, (*path, "web_api_url"))
    by_webhook, by_token = _has(slack, "api_url"), _has(slack, "bot_token")
    if by_webhook and by_token:
        yield Problem(
            path, "both api_url and bot_token are given", "keep bot_token to have messages edited, or api_url"
        )
    if not by_webhook and not by_token:
        by_token = _has(defaults, "slack_bot_token")
        by_webhook = not by_token and _has(defaults, "slack_api_url")
    if not by_webhook and not by_token:
        yield Problem(path, "Slack is given neither a webhook nor a token", "add api_url, or bot_token and channel")
    if by_token and not slack.channel:
        yield Problem(path, "Slack's Web API needs a channel", "add channel: C0123456789 or '#name'")
    for index, mention in enumerate(slack.mentions):
        if _MENTION.fullmatch(mention) is None:
            yield Problem(
                (*path, "mentions", index), f"{mention!r} is not a mention", "write <!here>, <!subteam^S01> or <@U01>"
            )


def _pagerduty(pagerduty: PagerDutyConfig, path: Path) -> Iterator[Problem]:
    yield from _one_form(pagerduty, path, ("routing_key",))
    yield from _url(pagerduty.url, (*path, "url"))
    if not _has(pagerduty, "routing_key"):
        yield Problem(path, "PagerDuty has no routing key", "add routing_key, routing_key_file or routing_key_env")


def _email(email: EmailConfig, path: Path, defaults: Global) -> Iterator[Problem]:
    yield from _one_form(email, path, ("auth_password",))
    yield from _smarthost(email.smarthost, (*path, "smarthost"))
    if not email.to:
        yield Problem(path, "email has no recipient", "add to: oncall@example.org")
    if not (email.smarthost or defaults.smtp_smarthost):
        yield Problem(path, "email has no server", "add smarthost: host:port, or smtp_smarthost under global")
    if not (email.from_ or defaults.smtp_from):
        yield Problem(path, "email has no sender", "add from: driftbell@example.org, or smtp_from under global")
    seen: set[str] = set()
    for name in email.headers:
        if name.title() in seen or not re.fullmatch(r"[!-9;-~]+", name):
            yield Problem(
                (*path, "headers", name), f"header {name!r} is repeated or not a header name", "remove or rename it"
            )
        seen.add(name.title())


def _webhook(webhook: WebhookConfig, path: Path) -> Iterator[Problem]:
    yield from _one_form(webhook, path, ("url",))
    yield from _url(webhook.url, (*path, "url"))
    if not _has(webhook, "url"):
        yield Problem(path, "the webhook has no URL", "add url, url_file or url_env")
    if webhook.max_alerts < 0:
        yield Problem((*path, "max_alerts"), "max_alerts is negative", "use 0 for no limit")


def _has(section: ChannelConfig | Global, secret: str) -> bool:
    return any(getattr(section, secret + form) is not None for form in ("", "_file", "_env"))


def _one_form(section: ChannelConfig | Global, path: Path, secrets: Sequence[str]) -> Iterator[Problem]:
    for secret in secrets:
        given = [secret + form for form in ("", "_file", "_env") if getattr(section, secret + form) is not None]
        if len(given) > 1:
            yield Problem((*path, given[1]), f"{' and '.join(given)} are given", "keep one of them")


def _url(url: str | None, path: Path) -> Iterator[Problem]:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    # The URL itself is left out: a webhook's URL is its password.
    if not sound:
        yield Problem(path, "this is not an http:// or https:// URL with a host", "correct it")


def _smarthost(text: str | None, path: Path) -> Iterator[Problem]:
    if text is None:
        return
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        yield Problem(path, f"{text!r} is not host:port", "write it as mail.example.org:587")
