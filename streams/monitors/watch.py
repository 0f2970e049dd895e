"""Everything that watches one subject: its reference and its monitors; and what watches a model over all versions."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from driftbell.runtime.config.model import Monitoring, MonitorSettings, Severity
from driftbell.schemas import FeatureShift
from driftbell.streams.batch import JoinedBatch, PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.encoding import NewerFormatError, pack
from driftbell.streams.monitors.base import BaseMonitor, Context, Options
from driftbell.streams.monitors.budget import events_per_false_alarm
from driftbell.streams.monitors.guard import Guard
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.monitors.quality.too_many_features import too_many_features
from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY, Registry
from driftbell.streams.monitors.service.silence import Silence
from driftbell.streams.reference import Caveat, Reference, Unwatched
from driftbell.streams.reference.reference import ReferenceState
from driftbell.streams.subject import OTHER, Subject
from driftbell.streams.versioned import Versioned

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Features named as the likely cause of a performance alert.
_CAUSES = 5
_EXPLAINED = frozenset({Family.PERFORMANCE, Family.CONCEPT})
_DEFAULT = MonitorSettings()
#: The reference, as a part that may be switched off.
REFERENCE = "reference"


def check_settings(settings: Monitoring) -> None:
    """Check the monitors' names and options.

    Raises:
        ValueError: a monitor or an option is unknown, or an option's value is not allowed; the message lists what is
            known.
    """
    for path, message in mistakes(settings):
        raise ValueError(f"{'.'.join(path)}: {message}")


def mistakes(settings: Monitoring) -> Iterator[tuple[tuple[str, ...], str]]:
    """Everything that is wrong with the monitors' names and options: where below the settings, what, and what is known."""
    known = {**REGISTRY, **MODEL_REGISTRY}
    for name, monitor in settings.monitors.items():
        path = ("monitors", name)
        if name not in known:
            yield path, f"unknown monitor {name!r}; known: {', '.join(sorted(known))}"
            continue
        fields = known[name].options_type.__struct_fields__
        unknown = [option for option in monitor.options if option not in fields]
        for option in unknown:
            yield (*path, "options", option), f"unknown option {option!r}; known: {', '.join(fields) or 'none'}"
        right = {option: value for option, value in monitor.options.items() if option in fields}
        try:
            msgspec.convert(right, known[name].options_type)
        except msgspec.ValidationError as error:
            where = re.search(r" - at `\$\.(\w+)", str(error))
            place = (*path, "options") if where is None else (*path, "options", where[1])
            yield place, str(error).partition(" - at ")[0].replace("`", "")


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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A monitor that runs, and what it is built from in every subject with the same settings."""

    name: str
    kind: type[BaseMonitor[Any]]
    severity: Severity
    options: Options
    events_per_false_alarm: float


#: What was chosen last, by the identity of the settings, which stand beside it so that they stay what they are. Most models
#: have the same: to choose again for each took a tenth of what it takes to begin a model, and options for each its memory.
_chosen: dict[tuple[int, int], tuple[Monitoring, Registry, list[_Chosen]]] = {}
_MOST_CHOSEN = 64


def _choose(registry: Registry, settings: Monitoring) -> list[_Chosen]:
    known = _chosen.get((id(registry), id(settings)))
    if known is not None and known[0] is settings and known[1] == registry:
        return known[2]
    set_up = {name: settings.monitors.get(name, _DEFAULT) for name in registry}
    enabled = {name: set_up[name] for name in registry if runs(registry[name], set_up[name])}
    each = events_per_false_alarm(settings.events_per_false_alarm, (registry[name] for name in enabled))
    chosen = [
        _Chosen(
            name, registry[name], monitor.severity or registry[name].severity, _options(registry[name], monitor), each
        )
        for name, monitor in enabled.items()
    ]
    if len(_chosen) >= _MOST_CHOSEN:
        _chosen.clear()
    _chosen[id(registry), id(settings)] = settings, dict(registry), chosen
    return chosen


def _build(
    registry: Registry, subject: Subject, settings: Monitoring, reference: Reference
) -> dict[str, BaseMonitor[Any]]:
    return {
        one.name: one.kind(Context(subject, settings, reference, one.severity, one.options, one.events_per_false_alarm))
        for one in _choose(registry, settings)
    }


def runs(kind: type[BaseMonitor[Any]], settings: MonitorSettings) -> bool:
    """Whether a monitor runs: as it is set, or by its own default."""
    return kind.enabled_by_default if settings.enabled is None else settings.enabled


class ModelWatchState(Versioned, frozen=True):
    """The monitors' states by name, and why some were switched off."""

    #: Each of its monitor's own kind.
    monitors: dict[str, Any]
    broken: dict[str, str]


class WatchState(ModelWatchState, frozen=True):
    """The reference on top; None where it is switched off."""

    reference: ReferenceState | None = None


class _Watching:
    """The verbs that both kinds of watch share. None of them raises: see ``driftbell.streams.monitors.guard``."""

    subject: Subject
    settings: Monitoring
    guard: Guard
    _monitors: dict[str, BaseMonitor[Any]]

    def conditions(self, now_ms: int) -> list[Condition]:
        """What is wrong at stream time ``now_ms``."""
        found: list[Condition] = []
        self._each(lambda m: found.extend([replace(c, monitor=m.name) for c in m.conditions(now_ms)]))
        return found + self.guard.conditions()

    def due_ms(self) -> int | None:
        """The stream time at which ``conditions`` may change though no event comes; None when it cannot."""
        due: list[int | None] = []
        # Most have the empty answer.
        if any(type(monitor).due_ms is not BaseMonitor.due_ms for monitor in self._monitors.values()):
            self._each(lambda monitor: due.append(monitor.due_ms()))
        return min((d for d in due if d is not None), default=None)

    def _each(self, call: Callable[[BaseMonitor[Any]], None]) -> None:
        for name, monitor in list(self._monitors.items()):
            try:
                call(monitor)
            except Exception as error:
                self.guard.switch_off(name, error)
                self._monitors.pop(name, None)

    def _monitor_states(self, check: bool) -> dict[str, Any]:
        states: dict[str, Any] = {}
        self._each(lambda monitor: states.update({monitor.name: writable(monitor.state(), check)}))
        return states

    def _restore_monitors(self, saved: dict[str, Any], fresh: Callable[[], dict[str, BaseMonitor[Any]]]) -> list[str]:
        """Restore each monitor; returns those that could not be and start fresh, as after a change of their detector."""
        left_out: list[str] = []
        for name in list(self._monitors):
            if not self.guard.works(name):
                del self._monitors[name]
        for name, monitor in self._monitors.items():
            # A monitor that was switched on since starts afresh.
            if name not in saved:
                continue
            try:
                restored = monitor.restore(saved[name])
            except Exception as error:
                log.warning("monitor %s of %s starts fresh: its state does not fit (%s)", name, self.subject, error)
                self._monitors[name] = fresh()[name]
                left_out.append(name)
                continue
            if restored is not Restored.CONTINUED:
                log.warning("the detector of monitor %s of %s starts fresh: %s", name, self.subject, restored)
        return left_out


def writable(state: T, check: bool) -> T:
    """The state; with ``check`` only if it can be written.

    Raises:
        TypeError, ValueError: it holds something that is not plain data.
    """
    if check:
        pack(state)
    return state


def _is_explained(condition: Condition) -> bool:
    """Whether other features are the likely cause: of a fall of performance, and of answers that are distributed otherwise."""
    if condition.family is Family.DRIFT:
        return "feature" not in condition.labels
    return condition.family in _EXPLAINED


class Watch(_Watching):
    """One version of a model in one variant. Pure; see ``streams.monitors.monitor.Monitor`` for the contract of the verbs."""

    def __init__(self, subject: Subject, settings: Monitoring) -> None:
        """Nothing is known yet.

        Raises:
            ValueError: as ``check_settings``.
        """
        self.subject = subject
        self.settings = settings
        self.guard = Guard(subject)
        self.reference = Reference(settings.reference)
        self._monitors = _build(REGISTRY, subject, settings, self.reference)

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Learn from a batch of predictions."""
        learning = not self.reference.ready
        self._each(lambda monitor: monitor.on_predictions(batch))
        # Last, so that the batch that completes the reference is not also compared with it.
        if learning:
            self.guard.run(REFERENCE, lambda: self.reference.learn(batch), None)
        self.reference.forget_batch()
        outlived: list[bool] = []
        self._each(lambda monitor: outlived.append(monitor.outlived))
        if any(outlived) or self.reference.outgrown:
            self.guard.run(REFERENCE, self._relearn, None)

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

        A condition that says the model got worse, or answers otherwise, names the features that moved most.
        """
        found = super().conditions(now_ms)
        found += self.guard.run(REFERENCE, lambda: too_many_features(self.reference, now_ms), [])
        if any(_is_explained(condition) for condition in found):
            movers = self.movers(_CAUSES)
            found = [replace(c, features=movers) if _is_explained(c) else c for c in found]
        return found

    def due_ms(self) -> int | None:
        """As ``_Watching.due_ms``; features for which there was no room are over when no more have come."""
        due, unplaced = super().due_ms(), self.reference.unplaced
        if not unplaced.events:
            return due
        return unplaced.due_ms if due is None else min(due, unplaced.due_ms)

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
            **dict.fromkeys(sorted(self.reference.late), Unwatched.APPEARED_LATER),
            **dict.fromkeys(sorted(self.reference.ignored), Unwatched.TOO_MANY_FEATURES),
            **{profile.name: profile.unwatched for profile in profiles if profile.unwatched is not None},
        }

    def caveats(self) -> list[Caveat]:
        """Why what was learned may not be typical; empty while the reference is learned."""
        return self.reference.caveats if self.reference.ready else []

    def state(self, *, check: bool = False) -> WatchState:
        """Everything needed to continue, copied; ``check`` switches off what cannot be written, which takes longer."""
        reference = self.guard.run(REFERENCE, lambda: writable(self.reference.state(), check), None)
        monitors = self._monitor_states(check)
        return WatchState(reference=reference, monitors=monitors, broken=self.guard.state())

    def restore(self, state: object) -> list[str]:
        """Continue from ``state``; returns the parts that could not be read and begin again.

        Raises:
            NewerFormatError: the reference was written by a newer driftbell.
            BadStateError: this is no state of a watch.
        """
        left_out: list[str] = []
        try:
            saved = WatchState.read(state)
            self.guard.restore(saved.broken)
            if saved.reference is not None:
                self.reference.restore(saved.reference)
        except NewerFormatError:
            raise
        except Exception as error:
            if not isinstance(state, Mapping):
                raise
            log.warning("the reference of %s is learned again: its state does not fit (%s)", self.subject, error)
            left_out.append(REFERENCE)
            # What was learned together with the reference goes with it.
            kept = {
                n: s for n, s in state["monitors"].items() if n in self._monitors and not self._monitors[n].referenced
            }
            saved = WatchState.read({**state, "reference": None, "monitors": kept})
            self.guard.restore(saved.broken)
            self._relearn()
        return left_out + self._restore_monitors(saved.monitors, self._fresh)

    def _fresh(self) -> dict[str, BaseMonitor[Any]]:
        return _build(REGISTRY, self.subject, self.settings, self.reference)


class ModelWatch(_Watching):
    """What belongs to a model in one variant over all its versions; ``subject.version`` is empty."""

    def __init__(self, subject: Subject, settings: Monitoring) -> None:
        """Nothing is known yet.

        Raises:
            ValueError: as ``check_settings``.
        """
        self.subject = subject
        self.settings = settings
        self.guard = Guard(subject)
        self._monitors = self._fresh()

    def _fresh(self) -> dict[str, BaseMonitor[Any]]:
        monitors = _build(MODEL_REGISTRY, self.subject, self.settings, Reference(self.settings.reference))
        if self.subject.variant == OTHER:
            # That no more come for which there is no room is what is hoped for.
            monitors.pop(Silence.name, None)
        return monitors

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Learn from a batch of predictions of any version."""
        self._each(lambda monitor: monitor.on_predictions(batch))

    def on_labels(self, batch: JoinedBatch) -> None:
        """Learn from a batch of joined labels of any version."""
        self._each(lambda monitor: monitor.on_labels(batch))

    def state(self, *, check: bool = False) -> ModelWatchState:
        """As ``Watch.state``."""
        monitors = self._monitor_states(check)
        return ModelWatchState(monitors=monitors, broken=self.guard.state())

    def restore(self, state: object) -> list[str]:
        """Continue from ``state``; returns the parts that could not be read and begin again."""
        saved = ModelWatchState.read(state)
        self.guard.restore(saved.broken)
        return self._restore_monitors(saved.monitors, self._fresh)
