"""Silences as people and Alertmanager's API list them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from driftbell.alerting.muting.silence_rules import SilenceState, state_of
from driftbell.alerting.state.silence import Silence
from driftbell.alerting.times import rfc3339
from driftbell.runtime.matching.matchers import Matcher

_ORDER = {SilenceState.ACTIVE: 0, SilenceState.PENDING: 1, SilenceState.EXPIRED: 2}


def selected(
    silences: Iterable[Silence],
    now_ms: int,
    *,
    expired: bool = False,
    within_ms: int | None = None,
    created_by: str | None = None,
    matchers: Sequence[Matcher] = (),
) -> list[Silence]:
    """As ``amtool silence query`` chooses: those that are not over, or those that are.

    Args:
        silences: all.
        now_ms: epoch milliseconds.
        expired: those that are over.
        within_ms: only those that end (or ended) within so many milliseconds.
        created_by: only this author's.
        matchers: only silences that have, for each of these, a matcher of its label whose value it matches.
    """

    def wanted(one: Silence) -> bool:
        return (
            (state_of(one, now_ms) is SilenceState.EXPIRED) is expired
            and (within_ms is None or abs(one.ends_ms - now_ms) <= within_ms)
            and created_by in (None, one.created_by)
            and all(
                any(matcher.matches({matcher.name: own.value}) for own in one.matchers if own.name == matcher.name)
                for matcher in matchers
            )
        )

    return in_order([one for one in silences if wanted(one)], now_ms)


def in_order(silences: Iterable[Silence], now_ms: int) -> list[Silence]:
    """Alertmanager's order: active ones by end, pending ones by start, expired ones by end, the last first."""

    def key(one: Silence) -> tuple[int, int, str]:
        state = state_of(one, now_ms)
        at_ms = {
            SilenceState.ACTIVE: one.ends_ms,
            SilenceState.PENDING: one.starts_ms,
            SilenceState.EXPIRED: -one.ends_ms,
        }
        return (_ORDER[state], at_ms[state], one.id)

    return sorted(silences, key=key)


def as_api(silence: Silence, now_ms: int) -> dict[str, Any]:
    """A silence in the form of Alertmanager's API, version 2."""
    return {
        "id": silence.id,
        "status": {"state": state_of(silence, now_ms).value},
        "updatedAt": rfc3339(silence.updated_ms),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "startsAt": rfc3339(silence.starts_ms),
        "endsAt": rfc3339(silence.ends_ms),
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
            for one in silence.matchers
        ],
    }
