"""What an update of a message says that was not said before: what has begun, what is over, and that it is worse (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.alerting.rendering.story.headline import in_words
from driftbell.alerting.rendering.text import truncate
from driftbell.alerting.state.records import Notification
from driftbell.schemas import Alert

#: Alerts named, and the characters of each.
MAX_NAMED = 5
MAX_WORDS = 120


def news(notification: Notification) -> str:
    """``new: error rate 0.5 -> 7.0 %; over: f7 out of range (54 %)``; empty when nothing is new."""
    by_fingerprint = {alert.fingerprint: alert for alert in notification.alerts}
    parts = []
    for what, names, status in (("new", notification.began, "firing"), ("over", notification.ended, "resolved")):
        alerts = [
            by_fingerprint[one] for one in names if one in by_fingerprint and by_fingerprint[one].status == status
        ]
        if alerts:
            parts.append(f"{what}: {_named(alerts, len(names) - len(alerts))}")
    return "; ".join(parts)


def _named(alerts: Sequence[Alert], unknown: int) -> str:
    text = ", ".join(truncate(in_words(alert), MAX_WORDS) for alert in alerts[:MAX_NAMED])
    more = max(0, len(alerts) - MAX_NAMED) + unknown
    return f"{text} and {more:,} more" if more else text
