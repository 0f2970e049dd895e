"""What a replay found, gathered from the alerts and metrics that the core produced. Pure.

Their times are driftbell's own and may lie beyond the years that an event can be from, so they are read without that check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from driftbell.alerting.times import to_ms
from driftbell.not_watched import by_reason
from driftbell.replay.messages import Messages
from driftbell.replay.survey import Survey
from driftbell.schemas import Alert, DeadLetterReason, Metric, decode_alert, decode_metric, to_rfc3339
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Output
from driftbell.streams.replay import Moved, ReplayStep
from driftbell.streams.subject import Subject


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that would have been raised: a condition from firing to resolved."""

    alertname: str
    severity: str
    model: str
    version: str
    variant: str
    summary: str
    started: str
    #: None: it still fires at the end of the history.
    ended: str | None
    labels: dict[str, str]
    fingerprint: str
    episode: int

    @property
    def minutes(self) -> float | None:
        """How long it fired."""
        if self.ended is None:
            return None
        return (to_ms(self.ended) - to_ms(self.started)) / 60_000


class Watched(msgspec.Struct, kw_only=True):
    """What was watched of one subject, from when, and what was not."""

    model: str
    version: str
    variant: str
    predictions: int
    #: Predictions that the reference needs.
    needed: int
    #: Labels that were learned of, and those that the reference of the errors needs.
    labels: int
    labels_needed: int
    #: When the reference was complete, epoch milliseconds; None: never, so nothing was watched that needs one.
    since_ms: int | None = None
    #: The first window that began when the errors' reference was complete.
    labels_since: str | None = None
    #: Features whose distribution is not watched, by reason.
    unwatched: dict[str, list[str]] = {}
    #: Why what was learned may not be typical.
    reference_caveats: list[str] = []


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one subject in the table over time."""

    start: str
    predictions: int
    labels: int
    values: dict[str, float]
    #: The feature that had moved most by the end of the window, and its population stability index; None: none had.
    moved: str | None
    psi: float | None


#: The alert that a file's end would raise.
SILENT = "ModelSilent"


class Report:
    """Collects a replay's output; the same whether it comes all at once or bit by bit.

    Args:
        messages: counts what people would have been sent; absent: not counted.
        begin_ms: alerts that began before are not of this file (a reference of its own was read first).
        end_ms: the last prediction of the file; a silence that begins after it is the file's, not a model's.
    """

    def __init__(self, messages: Messages | None = None, *, begin_ms: int = 0, end_ms: int | None = None) -> None:
        self.messages = messages
        self._begin, self._end_ms = to_rfc3339(begin_ms), end_ms
        self._ignored: set[tuple[str, int]] = set()
        self._since: dict[Subject, int] = {}
        self._moved: dict[Subject, list[Moved]] = {}
        #: Models that are silent from the end of their data to the end of the file, which says nothing of them.
        self.silent_at_end: set[str] = set()
        self._episodes: dict[tuple[str, int], Episode] = {}
        #: The latest revision of every window.
        self._windows: dict[tuple[str, str, str, str], Metric] = {}
        self.dead_letters: Counter[DeadLetterReason] = Counter()
        #: By input and name: fields of events that no contract names.
        self.unknown_fields: dict[Input, Counter[str]] = {}

    def take(self, step: ReplayStep) -> list[Alert]:
        """Take what one step of the replay gave; returns its alerts."""
        alerts = []
        for record in step.outbox:
            if record.value is None:
                continue
            if record.output is Output.ALERTS:
                alert = decode_alert(record.value)
                if self._is_of_the_file(alert):
                    alerts.append(alert)
                    self.add(alert)
            elif record.output is Output.METRICS:
                self.add(decode_metric(record.value))
        self.unknown_fields = step.unknown_fields
        self.dead_letters.update(letter.reason for letter in step.dead_letters)
        self._since |= dict(step.learned)
        for moved in step.moved:
            self._moved.setdefault(moved.subject, []).append(moved)
        return alerts

    def finish(self, unfinished: Iterable[Metric] = ()) -> None:
        """The file is over; ``unfinished`` are the windows that it cut off."""
        for metric in unfinished:
            self.add(metric)
        if self.messages is not None:
            self.messages.finish()

    def _is_of_the_file(self, alert: Alert) -> bool:
        identity = (alert.fingerprint, alert.episode)
        artefact = (
            self._end_ms is not None
            and alert.labels.get("alertname") == SILENT
            and to_ms(alert.startsAt) >= self._end_ms
        )
        if artefact:
            self.silent_at_end.add(alert.labels.get("model", ""))
        if artefact or alert.startsAt < self._begin:
            self._ignored.add(identity)
        return identity not in self._ignored

    def add(self, output: Alert | Metric) -> Episode | None:
        """Take one record; returns the episode when it opens or closes a page."""
        if isinstance(output, Metric):
            key = (output.model, output.version, output.variant, output.window_start)
            known = self._windows.get(key)
            if known is None or output.revision >= known.revision:
                self._windows[key] = output
            return None
        if self.messages is not None:
            self.messages.take(output)
        if output.status == "pending":
            return None
        identity = (output.fingerprint, output.episode)
        known_episode = self._episodes.get(identity)
        if output.status == "resolved" and known_episode is None:
            return None  # it was pending and never fired
        episode = _episode(output, known_episode)
        self._episodes[identity] = episode
        changed = known_episode is None or known_episode.ended != episode.ended
        return episode if changed else None

    @property
    def episodes(self) -> list[Episode]:
        """All alerts in the order in which they began."""
        return sorted(self._episodes.values(), key=lambda episode: (episode.started, episode.fingerprint))

    def watched(self, partition: Partition, found: Survey) -> list[Watched]:
        """What was watched of each subject of the file, at the end of the replay."""
        live = {subject: watch for model in partition.models.values() for subject, watch in model.watches}
        result = []
        for (model, version, variant), predictions in sorted(found.predictions.items()):
            subject = Subject(model, version, variant)
            settings = partition.config.monitoring_for(model).reference
            one = Watched(
                model=model,
                version=version,
                variant=variant,
                predictions=predictions,
                needed=settings.events,
                labels=0,
                labels_needed=settings.labels,
                since_ms=self._since.get(subject),
            )
            for row in self._windows_of(model, version, variant):
                if one.labels >= settings.labels and one.labels_since is None:
                    one.labels_since = row.window_start
                one.labels += row.labels
            watch = live.get(subject)
            if watch is not None:
                one.unwatched = by_reason({name: why.value for name, why in watch.unwatched().items()})
                one.reference_caveats = [caveat.value for caveat in watch.caveats()]
            result.append(one)
        return result

    def rows(self, model: str, version: str, variant: str) -> list[Row]:
        """The table over time of one subject."""
        moved = self._moved.get(Subject(model, version, variant), [])
        rows = []
        for window in self._windows_of(model, version, variant):
            start_ms, end_ms = to_ms(window.window_start), to_ms(window.window_end)
            # What had moved is noted at the first look at or behind the window's end.
            shift = next((one.shift for one in moved if end_ms <= one.now_ms < 2 * end_ms - start_ms), None)
            rows.append(
                Row(
                    start=window.window_start,
                    predictions=window.predictions,
                    labels=window.labels,
                    values=window.values,
                    moved=None if shift is None else shift.feature,
                    psi=None if shift is None else shift.psi,
                )
            )
        return rows

    def _windows_of(self, *subject: str) -> list[Metric]:
        return [window for key, window in sorted(self._windows.items()) if key[:3] == subject]


def _episode(alert: Alert, known: Episode | None) -> Episode:
    labels = alert.labels
    return Episode(
        alertname=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        model=labels.get("model", ""),
        version=labels.get("version", ""),
        variant=labels.get("variant", ""),
        # The sentence of the page is the one with which it opened.
        summary=known.summary if known is not None else alert.annotations.get("summary", ""),
        started=alert.startsAt,
        ended=alert.endsAt if alert.status == "resolved" else None,
        labels=labels,
        fingerprint=alert.fingerprint,
        episode=alert.episode,
    )
