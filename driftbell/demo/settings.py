"""The configuration that the demo's worker and router run with: the same file a user would write, in a hurry.

Everything that is shorter than a default is so that the story fits into a minute; the defaults suit production.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from driftbell.fakes.slack import TOKEN

#: Predictions and labels from which "normal" is learned; the defaults are 5,000 and 1,000.
REFERENCE_EVENTS = 1500
REFERENCE_LABELS = 1000
#: What says that the data is wrong wakes people here, as the error rate does anyway. By default it is a warning, and PagerDuty
#: would be called once more when the error rate rises.
CRITICAL = frozenset({"out_of_range", "unseen_category", "feature_drift", "prediction_drift"})
#: Seconds that all must be well before an alert is resolved; the default is 30.
KEEP_FIRING_FOR = "3s"

EMAIL = "oncall@example.org"
SLACK_CHANNEL = "C0DRIFTBELL"
#: PagerDuty's keys have 32 characters.
ROUTING_KEY = "d" * 32


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services of the demo listen."""

    kafka: str
    redis: str
    slack: str
    pagerduty: str
    smtp: str
    worker_http_port: int
    router_http_port: int


def settings(at: Addresses, monitors: Iterable[str]) -> dict[str, Any]:
    """The configuration as it goes into the file; ``monitors`` are the names of all monitors."""
    return {
        "kafka": {"bootstrap.servers": at.kafka},
        "redis": {"url": at.redis},
        "worker": {"http_port": at.worker_http_port, "checkpoint_interval": "500ms", "shutdown_grace": "5s"},
        "monitoring": {
            "reference": {"events": REFERENCE_EVENTS, "labels": REFERENCE_LABELS},
            # The picture in the mail shows one point for each.
            "metrics_window": "1s",
            "monitors": {name: _monitor(name) for name in monitors},
        },
        "router": {
            "http_port": at.router_http_port,
            "shutdown_grace": "3s",
            "global": {
                "slack_bot_token": TOKEN,
                "pagerduty_url": at.pagerduty,
                "smtp_smarthost": at.smtp,
                "smtp_from": "driftbell@example.org",
                "smtp_require_tls": False,
            },
            "route": {
                "receiver": "oncall",
                # One page for each cause.
                "group_by": ["model"],
                "correlate": {"window": "15m"},
                "group_wait": "500ms",
                "group_interval": "1s",
            },
            "receivers": [
                {
                    "name": "oncall",
                    "slack_configs": [{"channel": SLACK_CHANNEL, "web_api_url": at.slack}],
                    "pagerduty_configs": [{"routing_key": ROUTING_KEY}],
                    "email_configs": [{"to": EMAIL}],
                }
            ],
        },
    }


def _monitor(name: str) -> dict[str, str]:
    severity = {"severity": "critical"} if name in CRITICAL else {}
    return {"keep_firing_for": KEEP_FIRING_FOR, **severity}
