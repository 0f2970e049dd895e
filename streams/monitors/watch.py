"""Everything that watches one subject: its reference and its monitors; and what watches a model over all versions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from driftbell.runtime.config.model import Monitoring, MonitorSettings
from driftbell.schemas import FeatureShift
from driftbell.streams.batch import JoinedBatch, PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.budget import events_per_false_alarm
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY, Registry
from driftbell.streams.reference import Reference, Unwatched
from driftbell.streams.reference.reference import ReferenceState
from driftbell.streams.subject import Subject
from driftbell.streams.versioned import Versioned

log = logging.getLogger(__name__)

#: Features named as the likely cause of a performance alert.
_CAUSES = 5
_EXPLAINED = frozenset({Family.PERFORMANCE, Family.CONCEPT})
_DEFAULT = MonitorSettings()


def check_settings(settings: Monitoring) -> None:
    """Check the monitors' names and options.

    Raises:
        ValueError: a monitor or an option is unknown, or an option's value is not allowed; the message lists what is
            known.
    """
    known = {**REGISTRY, **MODEL_REGISTRY}
    for name, monitor in settings.monitors.items():
        if name not in known:
            raise ValueError(f"monitors: unknown monitor {name!r}; known: {', '.join(sorted(known))}")
        _options(known[name], monitor)


def _options(kind: type[BaseMonitor[Any]], settings: MonitorSettings) -> Options:
    fields = kind.options_type.__struct_fields__
    for option in settings.options:
        if option not in fields:
            known = ", ".join(fields) or "none"
            raise ValueError(f"monitors.{kind.name}.options: unknown option {option!r}; known: {known}")
    try:
        return msgspec.convert(settings.options, kind.options_type)
    except msgspec.ValidationError as error:
        raise ValueError(f"monitors.{kind.name}.options: {error}") from error


def _build(
    registry: Registry, subject: Subject, settings: Monitoring, reference: Reference
) -> dict[str, BaseMonitor[Any]]:
    chosen = {name: settings.monitors.get(name, _DEFAULT) for name in registry}
    enabled = {name: chosen[name] for name in registry if chosen[name].enabled}
    each = events_per_false_alarm(settings.events_per_false_alarm, (registry[name] for name in enabled))
    return {
        name: registry[name](
            Context(
                subject=subject,
                settings=settings,
                reference=reference,
                severity=monitor.severity or registry[name].severity,
                options=_options(registry[name], monitor),
                events_per_false_alarm=each,
            )
        )
        for name, monitor in enabled.items()
    }


class ModelWatchState(Versioned, frozen=True):
    """The monitors' states by name, and why some were switched off."""

    #: Each of its monitor's own kind.
    monitors: dict[str, Any]
    broken: dict[str, str]


class WatchState(ModelWatchState, frozen=True):
    """The reference on top."""

    reference: ReferenceState


class _Watching:
    """The verbs that both kinds of watch share.

    A monitor that raises is switched off, and that is a condition of its own: one faulty monitor must not blind the others,
    and a worker that dies of it would read the same events again and die again.
    """

    subject: Subject
    settings: Monitoring
    _monitors: dict[str, BaseMonitor[Any]]
    #: Why monitors were switched off, by name.
    _broken: dict[str, str]

    def conditions(self, now_ms: int) -> list[Condition]:
        """What is wrong at stream time ``now_ms``."""
        found: list[Condition] = []
        self._each(lambda m: found.extend(replace(c, monitor=m.name) for c in m.conditions(now_ms)))
        return found + [_broken_condition(name, why) for name, why in self._broken.items()]

    def due_ms(self) -> int | None:
        """The stream time at which ``conditions`` may change though no event comes; None when it cannot."""
        due = [monitor.due_ms() for monitor in self._monitors.values()]
        return min((d for d in due if d is not None), default=None)

    def _each(self, call: Callable[[BaseMonitor[Any]], None]) -> None:
        for name, monitor in list(self._monitors.items()):
            try:
                call(monitor)
            except Exception as error:
                self._break(name, error)

    def _break(self, name: str, error: Exception) -> None:
        log.error("monitor %s of %s failed and is switched off", name, self.subject, exc_info=error)
        self._broken[name] = f"{type(error).__name__}: {error}"[:200]
        self._monitors.pop(name, None)

    def _monitor_states(self) -> dict[str, Any]:
        return {name: monitor.state() for name, monitor in self._monitors.items()}

    def _restore_monitors(self, state: ModelWatchState, fresh: Callable[[], dict[str, BaseMonitor[Any]]]) -> None:
        """Restore each monitor; one that cannot be restored starts fresh, as after an upgrade that changed its detector."""
        self._broken = dict(state.broken)
        for name in self._broken:
            self._monitors.pop(name, None)
        for name, monitor in self._monitors.items():
            # A monitor that was switched on since starts afresh.
            if name not in state.monitors:
                continue
            try:
                restored = monitor.restore(state.monitors[name])
            except (ValueError, KeyError, TypeError, IndexError) as error:
                log.warning("monitor %s of %s starts fresh: its state does not fit (%s)", name, self.subject, error)
                self._monitors[name] = fresh()[name]
                continue
            if restored is not Restored.CONTINUED:
                log.warning("the detector of monitor %s of %s starts fresh: %s", name, self.subject, restored)


def _broken_condition(name: str, why: str) -> Condition:
    return Condition(
        alertname="MonitorBroken",
        family=Family.HEALTH,
        severity="warning",
        reason="monitor_raised",
        metric="monitor",
        summary=f"monitor {name} failed and is switched off ({why}); the other monitors go on",
        labels={"monitor": name},
    )


class Watch(_Watching):
    """One version of a model in one variant. Pure; see ``streams.monitors.monitor.Monitor`` for the contract of the verbs."""

    def __init__(self, subject: Subject, settings: Monitoring) -> None:
        """Nothing is known yet.

        Raises:
            ValueError: as ``check_settings``.
        """
        self.subject = subject
        self.settings = settings
        self.reference = Reference(settings.reference)
        self._monitors = _build(REGISTRY, subject, settings, self.reference)
        self._broken = {}

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Learn from a batch of predictions."""
        learning = not self.reference.ready
        self._each(lambda monitor: monitor.on_predictions(batch))
        # Last, so that the batch that completes the reference is not also compared with it.
        if learning:
            self.reference.learn(batch)
        self.reference.forget_batch()
        if any(monitor.outlived for monitor in self._monitors.values()):
            self._relearn()

    def _relearn(self) -> None:
        """Forget the reference and what depends on it: as configured, what stayed so long is the new normal."""
        self.reference = Reference(self.settings.reference)
        fresh = _build(REGISTRY, self.subject, self.settings, self.reference)
        for name, old in self._monitors.items():
            # What stays follows the new reference too, as it would after a restart.
            old.context = fresh[name].context
        # In the order of the registry, so that conditions keep theirs.
        self._monitors = {name: fresh[name] if fresh[name].referenced else old for name, old in self._monitors.items()}

    def on_labels(self, batch: JoinedBatch) -> None:
        """Learn from a batch of joined labels."""
        self._each(lambda monitor: monitor.on_labels(batch))

    def conditions(self, now_ms: int) -> list[Condition]:
        """What is wrong at stream time ``now_ms``.

        A condition that says the model got worse names the features that moved most.
        """
        found = super().conditions(now_ms)
        if any(condition.family in _EXPLAINED for condition in found):
            movers = self.movers(_CAUSES)
            found = [replace(c, features=movers) if c.family in _EXPLAINED else c for c in found]
        return found

    def movers(self, limit: int) -> list[FeatureShift]:
        """The features that moved most, largest evidence first."""
        found: list[FeatureShift] = []
        self._each(lambda monitor: found.extend(monitor.movers(limit)))
        return sorted(found, key=lambda shift: -shift.evidence)[:limit]

    def unwatched(self) -> dict[str, Unwatched]:
        """What is not watched for drift, by name with the reason; empty while the reference is learned.

        The prediction is listed under its own name, features beyond ``reference.max_features`` as such.
        """
        if not self.reference.ready:
            return {}
        profiles = (*self.reference.prediction.profiles, *self.reference.features.profiles)
        return {
            **dict.fromkeys(sorted(self.reference.ignored), Unwatched.TOO_MANY_FEATURES),
            **{profile.name: profile.unwatched for profile in profiles if profile.unwatched is not None},
        }

    def state(self) -> WatchState:
        """Everything needed to continue, copied."""
        return WatchState(reference=self.reference.state(), monitors=self._monitor_states(), broken=dict(self._broken))

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        saved = WatchState.read(state)
        self.reference.restore(saved.reference)
        self._restore_monitors(saved, lambda: _build(REGISTRY, self.subject, self.settings, self.reference))


class ModelWatch(_Watching):
    """What belongs to a model in one variant over all its versions; ``subject.version`` is empty."""

    def __init__(self, subject: Subject, settings: Monitoring) -> None:
        """Nothing is known yet.

        Raises:
            ValueError: as ``check_settings``.
        """
        self.subject = subject
        self.settings = settings
        self._monitors = self._fresh()
        self._broken = {}

    def _fresh(self) -> dict[str, BaseMonitor[Any]]:
        return _build(MODEL_REGISTRY, self.subject, self.settings, Reference(self.settings.reference))

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Learn from a batch of predictions of any version."""
        self._each(lambda monitor: monitor.on_predictions(batch))

    def on_labels(self, batch: JoinedBatch) -> None:
        """Learn from a batch of joined labels of any version."""
        self._each(lambda monitor: monitor.on_labels(batch))

    def state(self) -> ModelWatchState:
        """Everything needed to continue, copied."""
        return ModelWatchState(monitors=self._monitor_states(), broken=dict(self._broken))

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        self._restore_monitors(ModelWatchState.read(state), self._fresh)
