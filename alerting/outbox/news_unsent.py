"""What was new in a message that was never sent is new in the one that takes its place (pure)."""

from __future__ import annotations

import msgspec

from driftbell.alerting.state.records import Notification

#: Alerts that an update names as new or over at most.
MAX_NEWS = 200


def with_news_of(unsent: Notification, newer: Notification) -> Notification:
    """The newer message, which also says what was new in one that was never sent."""
    began = [one for one in unsent.began if one not in newer.ended] + newer.began
    ended = [one for one in unsent.ended if one not in newer.began] + newer.ended
    return msgspec.structs.replace(newer, began=_first_of(began), ended=_first_of(ended))


def _first_of(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))[:MAX_NEWS]
