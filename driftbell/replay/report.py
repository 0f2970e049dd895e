"""What a replay found, gathered from the alerts and metrics that the core produced. Pure."""

from __future__ import annotations

from collections import Counter

import msgspec

from driftbell.schemas import Alert, DeadLetterReason, Metric, decode_alert, decode_metric, to_epoch_ms
from driftbell.streams.records import Input, Output
from driftbell.streams.replay import ReplayStep


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One page that would have been sent: a condition from firing to resolved."""

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
        return (to_epoch_ms(self.ended) - to_epoch_ms(self.started)) / 60_000


class Report:
    """Collects a replay's output; the same whether it comes all at once or bit by bit."""

    def __init__(self) -> None:
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
                alerts.append(decode_alert(record.value))
                self.add(alerts[-1])
            elif record.output is Output.METRICS:
                self.add(decode_metric(record.value))
        self.unknown_fields = step.unknown_fields
        self.dead_letters.update(letter.reason for letter in step.dead_letters)
        return alerts

    def add(self, output: Alert | Metric) -> Episode | None:
        """Take one record; returns the episode when it opens or closes a page."""
        if isinstance(output, Metric):
            key = (output.model, output.version, output.variant, output.window_start)
            known = self._windows.get(key)
            if known is None or output.revision >= known.revision:
                self._windows[key] = output
            return None
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
        """All pages in the order in which they would have been sent."""
        return sorted(self._episodes.values(), key=lambda episode: (episode.started, episode.fingerprint))

    @property
    def models(self) -> dict[tuple[str, str, str], Metric]:
        """By (model, version, variant): the last window that has labels, or the last where none has."""
        latest: dict[tuple[str, str, str], Metric] = {}
        for (model, version, variant, _), window in sorted(self._windows.items()):
            known = latest.get((model, version, variant))
            if known is None or window.labels or not known.labels:
                latest[model, version, variant] = window
        return latest


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
