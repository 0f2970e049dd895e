"""The life of alerts: pending, firing, resolved, with hold times, so that a flapping condition pages once.

As Prometheus does with ``for`` and ``keep_firing_for``, but in stream time, so that a replay makes the same
transitions: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/. For people: docs/alerts.md.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence
from typing import Final

import msgspec

from driftbell.runtime.config.model import Monitoring, MonitorSettings
from driftbell.schemas import LIVE, Alert, Evidence, Status, alert_id, fingerprint, to_rfc3339
from driftbell.streams.alerts.annotations import closing, description, sentence, subject_name
from driftbell.streams.alerts.reasons import Transition
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.subject import Subject
from driftbell.streams.versioned import Versioned

log = logging.getLogger(__name__)

#: Conditions that are over and whose episodes are still counted one by one.
_MOST_REMEMBERED: Final = 1000
_DEFAULT: Final = MonitorSettings()


class Episode(msgspec.Struct, gc=False):
    """One condition from when it is first seen until it is over."""

    fingerprint: str
    subject: tuple[str, str, str]
    labels: dict[str, str]
    number: int
    #: Whether the condition has fired in an earlier episode.
    again: bool
    started_ms: int
    traceparent: str | None
    #: The last sentence, without a closing word in front.
    text: str = ""
    evidence: Evidence = Evidence(metric="")
    runbook_url: str | None = None
    fired_ms: int | None = None
    #: Since when the condition is away, while it still fires; None: it is there.
    well_since_ms: int | None = None
    #: How long, in ms, it must hold before it fires, and be away before it is over; as set when last seen.
    hold_ms: int = 0
    keep_ms: int = 0

    @property
    def due_ms(self) -> int | None:
        """The stream time at which it changes though nothing else does."""
        if self.fired_ms is None:
            return self.started_ms + self.hold_ms
        return None if self.well_since_ms is None else self.well_since_ms + self.keep_ms


class LifecycleState(Versioned, frozen=True):
    """The episodes that are not over; fingerprint, number and whether it ever fired of those that are; the lower bound."""

    active: list[Episode]
    over: list[tuple[str, int, bool]]
    floor: int


class Lifecycle:
    """The alerts of one model, all its versions and variants.

    Each transition is one record, with a deterministic id: an episode has at most one ``pending``, at most one
    ``firing`` and exactly one ``resolved``. A condition that comes back within ``keep_firing_for`` goes on with its
    episode, silently. Every later episode has a higher number, for ever: what is forgotten leaves a lower bound behind.
    """

    def __init__(self, settings: Monitoring, *, floor: int = 0) -> None:
        """``floor``: ``last_episode`` of whatever watched the same model before and was forgotten."""
        self._settings = settings
        self._active: dict[str, Episode] = {}
        #: What was last seen of an episode, not yet put in words: seen at every batch, published a few times.
        self._seen: dict[str, tuple[Subject, Condition, int]] = {}
        #: Number of the last episode by fingerprint, the longest over first; True where it ever fired.
        self._over: dict[str, tuple[int, bool]] = {}
        #: No condition that is not in ``_over`` had an episode with a higher number.
        self._floor = floor

    @property
    def last_episode(self) -> int:
        """The highest number given to an episode so far. Pass it on as ``floor`` before forgetting the model."""
        active = (episode.number for episode in self._active.values())
        return max(self._floor, *active, *(number for number, _ in self._over.values()), 0)

    def observe(
        self,
        subject: Subject,
        conditions: Sequence[Condition],
        now_ms: int,
        *,
        settings: Monitoring | None = None,
        traceparent: str | None = None,
    ) -> list[Alert]:
        """What ``conditions`` (all that is wrong with ``subject`` now) change; each transition once.

        Args:
            subject: Whose conditions these are; other subjects are not touched.
            conditions: Those that hold at ``now_ms``; of two with the same labels the first counts.
            now_ms: Stream time; never runs backwards.
            settings: The model's settings now; those of the constructor if None.
            traceparent: W3C trace context of the latest event, kept by an alert that begins now.
        """
        if not conditions and not self._active:
            return []
        settings = settings or self._settings
        seen: set[str] = set()
        out: list[Alert] = []
        for condition in conditions:
            labels = _labels(subject, condition, settings)
            name = fingerprint(labels)
            if name in seen:
                continue
            seen.add(name)
            new = name not in self._active
            if new:
                self._begin(name, subject, labels, now_ms, traceparent)
            episode = self._active[name]
            self._see(episode, subject, condition, settings, now_ms)
            if episode.fired_ms is None and now_ms >= episode.started_ms + episode.hold_ms:
                episode.fired_ms = now_ms
                out.append(self._alert(episode, "firing", _fired(episode), now_ms))
            elif new:
                out.append(self._alert(episode, "pending", Transition.PENDING, now_ms))
        key = _key(subject)
        for episode in [e for e in self._active.values() if e.subject == key and e.fingerprint not in seen]:
            out += self._miss(episode, now_ms)
        return out

    def retire(self, subject: Subject, now_ms: int) -> list[Alert]:
        """Close everything of a subject that is no longer watched."""
        key = _key(subject)
        episodes = [episode for episode in self._active.values() if episode.subject == key]
        return [self._end(episode, Transition.RETIRED, now_ms) for episode in episodes]

    def abandon(self, subject: Subject, now_ms: int) -> list[Alert]:
        """Close everything of a subject whose conditions can no longer be followed, as far as it can be put in words."""
        key = _key(subject)
        out: list[Alert] = []
        for episode in [episode for episode in self._active.values() if episode.subject == key]:
            try:
                out.append(self._end(episode, Transition.RETIRED, now_ms))
            except Exception:
                log.exception("alert %s of %s ends without a word", episode.fingerprint, subject)
        return out

    @property
    def busy(self) -> bool:
        """Whether an episode has begun that is not over."""
        return bool(self._active)

    def active(self) -> list[Alert]:
        """What fires now, with its latest evidence."""
        return [
            self._alert(episode, "firing", _fired(episode), episode.fired_ms)
            for episode in self._active.values()
            if episode.fired_ms is not None
        ]

    def due_ms(self) -> int | None:
        """The stream time at which ``observe`` would change something though the conditions stay as they are."""
        if not self._active:
            return None
        times = [due for episode in self._active.values() if (due := episode.due_ms) is not None]
        return min(times, default=None)

    def state(self) -> LifecycleState:
        """Everything needed to continue, copied."""
        for episode in self._active.values():
            self._tell(episode)
        return LifecycleState(
            active=[copy.copy(episode) for episode in self._active.values()],
            over=[(name, number, fired) for name, (number, fired) in self._over.items()],
            floor=self._floor,
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = LifecycleState.read(state)
        self._active = {episode.fingerprint: copy.copy(episode) for episode in saved.active}
        self._over = {name: (number, fired) for name, number, fired in saved.over}
        self._floor = saved.floor

    def _begin(self, name: str, subject: Subject, labels: dict[str, str], now_ms: int, traceparent: str | None) -> None:
        last, fired = self._over.pop(name, (self._floor, False))
        self._active[name] = Episode(name, _key(subject), labels, last + 1, fired, now_ms, traceparent)

    def _see(self, episode: Episode, subject: Subject, condition: Condition, settings: Monitoring, now_ms: int) -> None:
        monitor = settings.monitors.get(condition.monitor, _DEFAULT)
        episode.hold_ms, episode.keep_ms = round(monitor.for_ * 1000), round(monitor.keep_firing_for * 1000)
        episode.runbook_url = settings.runbook_url
        episode.well_since_ms = None
        self._seen[episode.fingerprint] = subject, condition, now_ms

    def _tell(self, episode: Episode) -> None:
        seen = self._seen.pop(episode.fingerprint, None)
        if seen is None:
            return
        try:
            episode.text, episode.evidence = sentence(*seen), _evidence(*seen[1:])
        except Exception:
            subject, condition, _ = seen
            log.exception("no words for %s of %s", condition.alertname, subject)
            episode.text = f"{subject_name(subject)}: {condition.alertname}"
            episode.evidence = Evidence(metric=condition.metric)

    def _alert(self, episode: Episode, status: Status, transition: Transition, now_ms: int) -> Alert:
        self._tell(episode)
        return _alert(episode, status, transition, now_ms)

    def _miss(self, episode: Episode, now_ms: int) -> list[Alert]:
        if episode.fired_ms is None:
            return [self._end(episode, Transition.CANCELLED, now_ms)]
        if episode.well_since_ms is None:
            episode.well_since_ms = now_ms
        if now_ms >= episode.well_since_ms + episode.keep_ms:
            return [self._end(episode, Transition.RECOVERED, now_ms)]
        return []

    def _end(self, episode: Episode, transition: Transition, now_ms: int) -> Alert:
        del self._active[episode.fingerprint]
        self._over[episode.fingerprint] = episode.number, episode.again or episode.fired_ms is not None
        if len(self._over) > _MOST_REMEMBERED:
            number, _ = self._over.pop(next(iter(self._over)))
            self._floor = max(self._floor, number)
        return self._alert(episode, "resolved", transition, now_ms)


def _key(subject: Subject) -> tuple[str, str, str]:
    return subject.model, subject.version, subject.variant


def _fired(episode: Episode) -> Transition:
    return Transition.REFIRED if episode.again else Transition.FIRED


def _labels(subject: Subject, condition: Condition, settings: Monitoring) -> dict[str, str]:
    # Ours come last: a label of the user's must not make two conditions look like one.
    labels = {
        **settings.labels,
        **condition.labels,
        "alertname": condition.alertname,
        "model": subject.model,
        "version": subject.version,
        "variant": "" if subject.variant == LIVE else subject.variant,
        "family": condition.family.value,
        "severity": condition.severity,
    }
    return {name: value for name, value in labels.items() if value}


def _evidence(condition: Condition, now_ms: int) -> Evidence:
    return Evidence(
        metric=condition.metric,
        reason=condition.reason,
        value=_finite(condition.value),
        baseline=_finite(condition.baseline),
        threshold=_finite(condition.threshold),
        window_events=condition.window_events,
        window_start_ms=condition.window_start_ms,
        window_end_ms=None if condition.window_start_ms is None else now_ms,
        change_point_ms=condition.change_point_ms,
        detector=condition.detector,
        calibrated=condition.calibrated,
        features=list(condition.features),
    )


def _finite(value: float | None) -> float | None:
    # JSON has no word for the others.
    return value if value is not None and math.isfinite(value) else None


def _described(text: str, episode: Episode) -> str:
    try:
        return description(text, episode.evidence, episode.number, episode.labels.get("family", ""))
    except Exception:
        # Whether an alert is sent must not depend on its words.
        log.exception("no description of %s", text)
        return text


def _alert(episode: Episode, status: Status, transition: Transition, now_ms: int) -> Alert:
    over = status == "resolved"
    text = closing(transition, episode.text, now_ms - episode.started_ms) if over else episode.text
    annotations = {"summary": text, "description": _described(text, episode)}
    if episode.runbook_url:
        annotations["runbook_url"] = episode.runbook_url
    return Alert(
        id=alert_id(episode.fingerprint, episode.number, status),
        fingerprint=episode.fingerprint,
        status=status,
        labels=episode.labels,
        annotations=annotations,
        startsAt=to_rfc3339(episode.started_ms),
        endsAt=to_rfc3339(now_ms) if over else None,
        updatedAt=to_rfc3339(now_ms),
        episode=episode.number,
        reason=transition.value,
        evidence=episode.evidence,
        traceparent=episode.traceparent,
    )
