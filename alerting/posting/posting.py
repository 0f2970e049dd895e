"""From a post to what it changes. Alertmanager 0.25's rules (``api/v2/api.go``, ``types/types.go``, ``provider/mem``).

A post without a start begins now (or at its end, if it has one); a post without an end fires for ``resolve_timeout``. Where
two posts of one alert overlap in time they are one: with the earliest start, the annotations of the last, and the latest end
that somebody named. driftbell's own alerts are not posted: a post with the labels of one changes nothing.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.routing.routes import digest
from driftbell.alerting.state.posted_alerts.posted import PostAlerts, Posted, PostedAlert
from driftbell.alerting.state.records import POSTED, Entry
from driftbell.alerting.state.silence import Answer, Command
from driftbell.alerting.state.state import Draft
from driftbell.alerting.times import rfc3339
from driftbell.runtime.config.router import RouterConfig
from driftbell.schemas import Alert, Evidence, Status, fingerprint

#: How long what is over is remembered, to be merged with what overlaps it; Alertmanager looks at it so often.
REMEMBER_MS = 30 * 60_000

#: Of the answer to a command, and how long it is kept; Prometheus posts again and again.
TAKEN, TOO_MANY = "alerts_taken", "too_many_alerts"
ANSWERS_MS = 10 * 60_000

#: After a time without a leader: Prometheus posts what fires every minute or so (``--rules.alert.resend-delay``).
GRACE_MS = 180_000


class PostResult(enum.StrEnum):
    """What became of one posted alert. The value is the metric label and what tests assert."""

    FIRING = "firing"
    REFRESHED = "refreshed"
    RESOLVED = "resolved"
    #: It is over, and nobody ever heard of it.
    NEVER_FIRED = "never_fired"
    #: It has the labels of one of driftbell's own, whose worker says what it does.
    OWN_ALERT = "own_alert"
    #: More fire than are kept.
    TOO_MANY = "too_many"


class Posting:
    """The rules of one configuration.

    Args:
        dispatch: the routes.
        resolve_timeout_ms: how long an alert fires that is posted without an end.
        most: posted alerts that may fire at once; twice as many are kept, with those that are over.
    """

    def __init__(self, dispatch: Dispatch, resolve_timeout_ms: int = 300_000, most: int = 20_000) -> None:
        self._dispatch = dispatch
        self._resolve_timeout_ms = resolve_timeout_ms
        self._most = most

    def post(self, alerts: Sequence[PostedAlert], draft: Draft, now_ms: int) -> Counter[PostResult]:
        """Take alerts in, each for itself; how often what became of them."""
        results: Counter[PostResult] = Counter()
        kept = len(draft.state.deadlines.kept)
        if kept >= 2 * self._most:
            kept -= _make_room(draft)
        for alert in alerts:
            name = fingerprint(alert.labels)
            is_new = _posted(draft, name) is None
            firing = len(draft.state.deadlines) + results[PostResult.FIRING]
            is_full = firing >= self._most or (is_new and kept >= 2 * self._most)
            # What nobody heard of is kept only to be merged with what overlaps it: the first to be left out.
            keep_over = not is_new or kept < self._most
            results[self._take_in(draft, name, alert, now_ms, is_full=is_full, keep_over=keep_over)] += 1
            kept += is_new and _posted(draft, name) is not None
        return results

    def answer(self, command: Command, draft: Draft, now_ms: int) -> Answer:
        """The same as a command from another process, whose answer is kept for it."""
        known = draft.state.answers.get(command.id)
        if known is not None:
            return known
        assert isinstance(command.action, PostAlerts)
        results = self.post(command.action.alerts, draft, now_ms)
        reason = TOO_MANY if results[PostResult.TOO_MANY] else TAKEN
        posted = {result.value: count for result, count in results.items() if count}
        answer = Answer(id=command.id, at_ms=now_ms, reason=reason, posted=posted)
        draft.answers[command.id] = answer
        return answer

    def end(self, fingerprints: Iterable[str], draft: Draft, now_ms: int) -> None:
        """What was not posted again in time is over."""
        for name in fingerprints:
            entry = draft.entry(name)
            if entry is None or entry.posted is None or entry.alert is None or entry.posted.fires(now_ms):
                continue
            if entry.status == "firing":
                self._say(draft, entry, entry.alert, entry.posted, "resolved", now_ms)

    def too_many(self, refused: int) -> str:
        """What the one is told whose alerts were not all taken."""
        return f"{refused:,} alerts were not taken: {self._most:,} posted alerts fire already (router.api.max_alerts)"

    def _take_in(
        self, draft: Draft, name: str, alert: PostedAlert, now_ms: int, *, is_full: bool, keep_over: bool
    ) -> PostResult:
        entry = draft.entry(name)
        if entry is not None and entry.posted is None and entry.status != "resolved":
            return PostResult.OWN_ALERT
        fired = entry is not None and entry.status == "firing"
        before = None if entry is None else entry.posted
        posted = merged(before, with_defaults(alert, self._resolve_timeout_ms, now_ms), now_ms)
        fires = posted.fires(now_ms)
        if fires and not fired and is_full:
            return PostResult.TOO_MANY
        if not fires and not keep_over:
            return PostResult.NEVER_FIRED
        if entry is None:
            entry = draft.entries[name] = Entry(fingerprint=name, episode=0, status="resolved", updated_ms=0)
        elif entry.posted is None:
            # One of driftbell's own that is over: what partitions said of it is not asked any more.
            entry.lives = {}
        self._say(draft, entry, alert, posted, "firing" if fires else "resolved", now_ms)
        if fires:
            return PostResult.REFRESHED if fired else PostResult.FIRING
        return PostResult.RESOLVED if fired else PostResult.NEVER_FIRED

    def _say(
        self, draft: Draft, entry: Entry, said: PostedAlert | Alert, posted: Posted, status: Status, now_ms: int
    ) -> None:
        """Route the alert as it is now, as the record of a worker would be."""
        episode = entry.episode + (status == "firing" and entry.status != "firing")
        # Two posts within a millisecond are two: the later one counts.
        updated_ms = max(now_ms, entry.updated_ms + 1)
        record = Alert(
            id=digest("posted", entry.fingerprint, str(episode), status),
            fingerprint=entry.fingerprint,
            status=status,
            labels=dict(said.labels),
            annotations=dict(said.annotations),
            generatorURL=said.generatorURL if isinstance(said, Alert) else said.generator_url,
            startsAt=rfc3339(posted.starts_ms),
            endsAt=rfc3339(posted.ends_ms) if status == "resolved" else None,
            updatedAt=rfc3339(updated_ms),
            episode=episode,
            reason=POSTED,
            evidence=Evidence(metric=POSTED),
        )
        self._dispatch.apply(draft, record, now_ms, posted=posted)


def posting_of(settings: RouterConfig, dispatch: Dispatch) -> Posting:
    """The rules of a checked configuration."""
    return Posting(dispatch, round(settings.global_.resolve_timeout * 1000), settings.api.max_alerts)


def wait_for(draft: Draft, now_ms: int) -> None:
    """A router begins to lead: what ended while none did may have been posted again, and nobody heard it."""
    for name in draft.state.deadlines.due(now_ms):
        entry = draft.entry(name)
        if entry is not None and entry.posted is not None:
            entry.posted = msgspec.structs.replace(entry.posted, ends_ms=now_ms + GRACE_MS, timeout=True)


def forget_posted(draft: Draft, now_ms: int) -> None:
    """Drop what has been over for long."""
    for entry in draft.state.entries.values():
        over = entry.posted is not None and entry.status != "firing" and not entry.groups
        if over and entry.posted is not None and entry.posted.ends_ms + REMEMBER_MS <= now_ms:
            draft.entries[entry.fingerprint] = None
    for answer in draft.state.answers.values():
        if answer.reason in (TAKEN, TOO_MANY) and answer.at_ms + ANSWERS_MS <= now_ms:
            draft.answers[answer.id] = None


def _posted(draft: Draft, name: str) -> Posted | None:
    entry = draft.entry_to_read(name)
    return None if entry is None else entry.posted


def _make_room(draft: Draft) -> int:
    """Forget early what is over and told; how many."""
    forgotten = 0
    for name in draft.state.deadlines.kept:
        entry = draft.entry_to_read(name)
        if entry is not None and entry.posted is not None and entry.status != "firing" and not entry.groups:
            draft.entries[name] = None
            forgotten += 1
    return forgotten


def merged(old: Posted | None, new: Posted, now_ms: int) -> Posted:
    """Two posts of one alert as one, where they overlap."""
    if old is None:
        return new
    ends_in_it = old.starts_ms < new.ends_ms < old.ends_ms
    starts_in_it = old.starts_ms < new.starts_ms < old.ends_ms
    if not ends_in_it and not starts_in_it:
        return new
    ends_ms = new.ends_ms
    if new.fires(now_ms):
        # An end that somebody named holds if it is the later one.
        if not old.timeout:
            ends_ms = max(ends_ms, old.ends_ms)
    elif not old.fires(now_ms):
        ends_ms = max(ends_ms, old.ends_ms)
    return msgspec.structs.replace(new, starts_ms=min(old.starts_ms, new.starts_ms), ends_ms=ends_ms)


def with_defaults(alert: PostedAlert, resolve_timeout_ms: int, now_ms: int) -> Posted:
    """The times of a post that were not given."""
    starts_ms = alert.starts_ms
    if starts_ms is None:
        starts_ms = now_ms if alert.ends_ms is None else alert.ends_ms
    timeout = alert.ends_ms is None
    ends_ms = now_ms + resolve_timeout_ms if alert.ends_ms is None else alert.ends_ms
    return Posted(starts_ms=starts_ms, ends_ms=ends_ms, updated_ms=now_ms, timeout=timeout)
