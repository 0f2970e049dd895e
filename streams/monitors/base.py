"""What all monitors share: their context, their typed options, and empty answers where a monitor has none."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import msgspec

from driftbell.runtime.config.model import Monitoring, Severity
from driftbell.schemas import FeatureShift
from driftbell.streams.batch import JoinedBatch, PredictionBatch
from driftbell.streams.detectors import Restored
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.reference import Reference
from driftbell.streams.subject import Subject
from driftbell.streams.versioned import NoState, Versioned


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the monitors' options; ``docs/monitors.md`` documents each field."""


class NoOptions(Options, frozen=True):
    """A monitor without options."""


O = TypeVar("O", bound=Options)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Context(Generic[O]):
    """What a monitor is built from."""

    subject: Subject
    settings: Monitoring
    reference: Reference
    severity: Severity
    options: O
    #: This monitor's part of the subject's budget: all its detectors together may raise one false alarm per so many
    #: events.
    events_per_false_alarm: float


class BaseMonitor(Generic[O]):
    """The monitor port with empty answers. ``options_type`` is the monitor's class of options."""

    name: ClassVar[str]
    family: ClassVar[Family]
    #: Why its conditions hold: all that it may name.
    reasons: ClassVar[type[enum.StrEnum]]
    severity: ClassVar[Severity] = "warning"
    options_type: ClassVar[type[Options]] = NoOptions
    #: Whether the monitor runs where the configuration does not say; one that needs options to make sense does not.
    enabled_by_default: ClassVar[bool] = True
    #: Whether the monitor takes a share of the false-alarm budget.
    budgeted: ClassVar[bool] = True
    #: Whether the monitor compares with the subject's reference, so that it starts over when that is relearned.
    referenced: ClassVar[bool] = False

    def __init__(self, context: Context[O]) -> None:
        self.context = context

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Nothing to learn."""

    def on_labels(self, batch: JoinedBatch) -> None:
        """Nothing to learn."""

    def conditions(self, now_ms: int) -> Sequence[Condition]:
        """Nothing is ever wrong."""
        return ()

    @property
    def outlived(self) -> bool:
        """Whether the reference has been wrong for as long as is configured, so that it is to be relearned."""
        return False

    def due_ms(self) -> int | None:
        """Time alone changes nothing."""
        return None

    def movers(self, limit: int) -> Sequence[FeatureShift]:
        """It knows nothing of features."""
        return ()

    def state(self) -> Versioned:
        """Nothing to remember."""
        return NoState()

    def restore(self, state: object) -> Restored:
        """Nothing to continue."""
        return Restored.CONTINUED
