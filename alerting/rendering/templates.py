"""User templates: Jinja2 in a sandbox, over a notification. They are tried at start, on a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.rendering.sample import SAMPLE
from driftbell.schemas import Alert

#: What a template may produce; more is cut before any vendor's own limit is applied.
MAX_CHARACTERS = 100_000


class Template:
    """One compiled template.

    Args:
        source: Jinja2.
        place: where it stands, for messages: ``oncall/slack[0].title``.
        escape: applied to every value that an expression prints (the template's own text is trusted).

    Raises:
        RefusedError: it is not valid Jinja2, or fails on a sample notification.
    """

    def __init__(self, source: str, place: str, escape: Callable[[str], str] = str) -> None:
        environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, finalize=lambda value: escape(str(value)), autoescape=False
        )
        try:
            self._template = environment.from_string(source)
            self.render(SAMPLE)
        except Exception as error:
            hint = ""
            if "{{ ." in source or "{{." in source or "{{ template" in source:
                hint = "; this looks like Go's template language, driftbell's is Jinja2 (docs/routing.md)"
            raise RefusedError(f"template {place}: {type(error).__name__}: {error}{hint}") from error

    def render(self, delivery: Delivery) -> str:
        """The text for one delivery. It may raise whatever the template makes it raise."""
        text: str = self._template.render(**variables(delivery))
        return text[:MAX_CHARACTERS]


def variables(delivery: Delivery) -> dict[str, Any]:
    """What a template sees; docs/routing.md lists it."""
    notification = delivery.notification
    message = compose(notification, delivery.incident, delivery.kind)
    return {
        "status": notification.status,
        "kind": delivery.kind.value,
        "reason": notification.reason,
        "severity": notification.severity.value,
        "receiver": notification.receiver,
        "group_labels": dict(notification.group_labels),
        "common_labels": dict(notification.common_labels),
        "common_annotations": dict(notification.common_annotations),
        "alerts": [_alert(alert) for alert in notification.alerts],
        "firing": notification.firing,
        "resolved": notification.resolved,
        "external_url": notification.external_url,
        "incident": delivery.incident.id,
        "subject": message.subject,
        "state": message.state,
        "body": "\n".join(message.lines()),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.startsAt,
        "ends_at": alert.endsAt,
        "fingerprint": alert.fingerprint,
        "episode": alert.episode,
        "evidence": alert.evidence,
        "generator_url": alert.generatorURL,
    }
