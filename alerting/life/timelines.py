"""Writing down what happens to a group: what was decided for each destination, what held it back, what channels answered."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from driftbell.alerting.state.records import Group
from driftbell.alerting.state.state import Draft
from driftbell.alerting.state.timelines.timeline import Happening, Timeline

#: What is kept of one group; the oldest goes first.
MAX_HAPPENINGS = 60
MAX_FINGERPRINTS = 200
#: Characters of one detail.
MAX_DETAIL = 500

#: How long a group that is over is remembered, and how many are; the longest over go first.
KEPT_MS = 120 * 3_600_000
MAX_TIMELINES = 5_000


def note(draft: Draft, group: Group, *happenings: Happening, held_back: str | None = None) -> None:
    """Write down what happened to a group.

    Args:
        draft: is changed.
        group: as it was when it happened.
        happenings: in order. What only repeats the last one (a channel that answers the same again) is counted there.
        held_back: what holds its alerts back now; a change is a happening too. None: nobody has looked.
    """
    timeline = draft.timeline(group.id)
    if timeline is None:
        timeline = draft.timelines[group.id] = Timeline(id=group.id, key=group.key, route=group.route_id)
    room = MAX_FINGERPRINTS - len(timeline.fingerprints)
    timeline.fingerprints.update(sorted(group.members - timeline.fingerprints)[:room])
    for happening in happenings:
        _add(timeline, happening)
    if held_back is not None and held_back != timeline.held_back and happenings:
        timeline.held_back = held_back
    while len(timeline.happenings) > MAX_HAPPENINGS:
        del timeline.happenings[0]
        timeline.dropped += 1


def is_news(draft: Draft, group_id: str, held_back: str) -> bool:
    """Whether something else holds the alerts of a group back than when it was written down last."""
    timeline = draft.timeline_to_read(group_id)
    return held_back != ("" if timeline is None else timeline.held_back)


def forget_timelines(draft: Draft, now_ms: int) -> None:
    """Forget those that are long over, and the longest over where there are too many."""
    known = draft.state.timelines
    over = sorted(
        (one.last_ms, one.id)
        for one in known.values()
        if one.id not in draft.state.groups and one.id not in draft.groups
    )
    too_many = len(known) - MAX_TIMELINES
    for number, (last_ms, timeline_id) in enumerate(over):
        if number >= too_many and last_ms >= now_ms - KEPT_MS:
            break
        draft.timelines[timeline_id] = None


def of_alert(timelines: Iterable[Timeline], wanted: str) -> list[Timeline]:
    """Those that an alert's fingerprint, or the id of a group, is in; the latest first."""
    found = [one for one in timelines if wanted == one.id or wanted in one.fingerprints]
    return sorted(found, key=lambda one: one.last_ms, reverse=True)


def _add(timeline: Timeline, happening: Happening) -> None:
    short = msgspec.structs.replace(happening, detail=happening.detail[:MAX_DETAIL])
    last = timeline.happenings[-1] if timeline.happenings else None
    if last is not None and (last.what, last.destination, last.detail) == (short.what, short.destination, short.detail):
        timeline.happenings[-1] = msgspec.structs.replace(short, times=last.times + 1)
    else:
        timeline.happenings.append(short)
