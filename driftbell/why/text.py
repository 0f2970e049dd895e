"""An explanation as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.alerting.times import clock_time
from driftbell.why.explanation import Explanation, Place, Told

#: Labels that the first line shows apart, or that say nothing there.
_IN_HEADLINE = ("alertname",)


def lines(explanation: Explanation) -> Iterator[str]:
    """What is known, the present first, then what happened."""
    yield from _alert(explanation)
    if explanation.status and not explanation.places:
        yield "it is in no group: " + (
            "it is over, and every channel was told"
            if explanation.status == "resolved"
            else "no route has taken it yet"
        )
    for place in explanation.places:
        yield from _place(place)
    for timeline in explanation.timelines:
        yield f"what happened to {timeline.key}"
        if timeline.dropped:
            yield f"    ({timeline.dropped} older lines are not kept)"
        for one in timeline.happenings:
            times = f" ({one.times} times, the last shown)" if one.times > 1 else ""
            words = [one.destination, one.what.replace("_", " ")]
            text = "  ".join(word for word in words if word) + (f"; {one.detail}" if one.detail else "")
            yield f"    {clock_time(one.at_ms)}  {text}{times}"


def _alert(explanation: Explanation) -> Iterator[str]:
    alert = explanation.alert
    if not explanation.status:
        return
    name = explanation.asked if alert is None else alert.labels.get("alertname", explanation.asked)
    since = "" if alert is None else f" since {alert.startsAt[:19].replace('T', ' ')} UTC"
    episode = f", episode {explanation.episode}" if explanation.episode else ""
    yield f"{name}: {explanation.status}{since}{episode}"
    if alert is not None:
        labels = " ".join(f"{key}={value}" for key, value in alert.labels.items() if key not in _IN_HEADLINE)
        yield f"    {labels}"
        if summary := alert.annotations.get("summary"):
            yield f"    {summary}"
    taken = explanation.acknowledgement
    if taken is not None:
        until = f", until {clock_time(taken.until_ms)}" if taken.until_ms else ""
        comment = f": {taken.comment}" if taken.comment else ""
        yield f"    acknowledged by {taken.by or 'somebody'} at {clock_time(taken.at_ms)}{until}{comment}"


def _place(place: Place) -> Iterator[str]:
    receiver = place.receiver or "nobody: the route is gone from the configuration"
    yield f"goes to {receiver}, by route {place.route}"
    yield f"    group {place.group}, {place.group_key}, {place.alerts} alerts; looked at next {clock_time(place.next_ms)}"
    for one in place.held_back:
        yield f"    HELD BACK now: {one.kind.replace('_', ' ')} by {', '.join(one.by)}"
    if place.escalated_to:
        yield f"    escalated to {', '.join(place.escalated_to)}"
    if not place.told:
        yield "    nobody was told yet"
    for told in place.told:
        yield from _told(told)


def _told(told: Told) -> Iterator[str]:
    words = [f"open since {clock_time(told.open_ms)}" if told.open_ms else "nothing open"]
    if told.sent_ms:
        words.append(f"last message made {clock_time(told.sent_ms)}")
        words.append("which says that it fires" if told.knows else "which does not name it")
    if told.in_place_of:
        words.append(f"in place of {told.in_place_of}")
    yield f"    {told.destination}: {', '.join(words)}"
    for row in told.waiting:
        why = f", last answer {row.last_reason.replace('_', ' ')}" if row.last_reason else ""
        detail = f" ({row.last_error})" if row.last_error else ""
        yield f"        waiting: {row.kind}, {row.attempts} attempts{why}{detail}, next {clock_time(row.next_attempt_ms)}"
