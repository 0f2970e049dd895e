"""Alertmanager's webhook (its JSON "version 4"): whatever takes Alertmanager's notifications takes ours.

Source: prometheus.io/docs/alerting/latest/configuration (webhook_config), ``notify/webhook/webhook.go``. Fields are
added (``episode``, ``reason``, ``evidence``), none is renamed or left out.
"""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import msgspec

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import HttpResponse, post, refused
from driftbell.alerting.channels.http_config.options import HttpOptions
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import SecretError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.text import clean
from driftbell.alerting.times import NO_END
from driftbell.schemas import Alert

VERSION = "4"


class WebhookChannel:
    """POSTs each notification to one URL.

    ``repeatable``: Alertmanager repeats the same ``groupKey`` and alerts, so receivers expect to see them again.
    """

    repeatable = True
    in_flight = 8
    rate: Rate | None = None

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: SecretSource,
        max_alerts: int = 0,
        options: HttpOptions | None = None,
    ) -> None:
        self._session = session
        self._options = options or HttpOptions()
        self._url = url
        self._max_alerts = max_alerts

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``. Any 2xx is success, as for Alertmanager."""
        try:
            url = self._url.read()
            options = self._options.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))

        async def attempt(body: bytes) -> Outcome:
            answer = await post(self._session, url, body, secrets=(url,), options=options)
            if not isinstance(answer, HttpResponse):
                return answer
            return sent() if 200 <= answer.status < 300 else refused(answer)

        return await send_or_minimal(
            lambda: msgspec.json.encode(payload(delivery, self._max_alerts)),
            lambda: msgspec.json.encode(payload(delivery, 1)),
            attempt,
        )

    async def close(self) -> None:
        """The session belongs to who made it."""


def payload(delivery: Delivery, max_alerts: int = 0) -> dict[str, Any]:
    """The JSON document."""
    notification = delivery.notification
    alerts = notification.alerts[:max_alerts] if max_alerts else notification.alerts
    return {
        "receiver": go_quote_meta(notification.receiver),
        "status": notification.status,
        "alerts": [_alert(alert) for alert in alerts],
        "groupLabels": _texts(notification.group_labels),
        "commonLabels": _texts(notification.common_labels),
        "commonAnnotations": _texts(notification.common_annotations),
        "externalURL": notification.external_url,
        "version": VERSION,
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.firing + notification.resolved - len(alerts),
        "incident": delivery.incident.id,
        "kind": delivery.kind.value,
        "reason": notification.reason,
    }


def go_quote_meta(text: str) -> str:
    """Go's regexp.QuoteMeta, which Alertmanager applies to the receiver's name."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": _texts(alert.labels),
        "annotations": _texts(alert.annotations),
        "startsAt": alert.startsAt,
        "endsAt": alert.endsAt or NO_END,
        "generatorURL": alert.generatorURL,
        "fingerprint": alert.fingerprint,
        "episode": alert.episode,
        "evidence": msgspec.to_builtins(alert.evidence),
    }


def _texts(table: dict[str, str]) -> dict[str, str]:
    return {name: clean(value) for name, value in table.items()}
