"""Settings fitted to a file: how much of it is the reference, how long a window is, how often is looked. Pure.

A worker learns from the first 5,000 events of a model that goes on for ever; a file may hold fewer than that, or hold them
a minute apart.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from driftbell.replay.survey import Survey
from driftbell.runtime.config.model import Config

#: The part of a file that is learned from unless told otherwise; the rest is what can be watched.
SHARE = 0.2

#: Fewer events than this are no reference, and a model that has not twice as many cannot be watched.
LEAST = 100

#: Rows of the table over time.
ROWS = 20

#: Looks (ticks with events) that a file is given before they become fewer, and then. One costs about a millisecond.
MANY_LOOKS = 20_000
FEW_LOOKS = 4_000

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY_S = 86400


class Basis(enum.StrEnum):
    """What the size of the reference comes from."""

    #: The worker's own settings, where they leave enough of the file; else ``SHARE`` of it.
    FITTED = "fitted"
    #: The worker's own settings.
    WORKER = "worker"
    SHARE = "share"
    EVENTS = "events"
    #: A file of its own, all of it.
    FILE = "file"


@dataclass(frozen=True, slots=True)
class ReferenceChoice:
    """What ``--reference`` says."""

    basis: Basis
    #: Of ``SHARE`` between 0 and 1, of ``EVENTS`` a count.
    amount: float = 0.0


def reference_choice(text: str | None) -> ReferenceChoice | None:
    """``20%``, ``first 20 %``, ``5000``, ``worker``; None when it is none of these, and so a file.

    Raises:
        ValueError: a share or a number that cannot be.
    """
    if text is None:
        return ReferenceChoice(Basis.FITTED)
    if text == "worker":
        return ReferenceChoice(Basis.WORKER)
    found = re.fullmatch(r"(?:first\s+)?([\d_,]+(?:\.\d+)?)\s*(%|events)?", text.strip())
    if found is None:
        return None
    amount = float(re.sub(r"[_,]", "", found[1]))
    if found[2] == "%":
        if not 0 < amount < 100:
            raise ValueError("a share lies between 0 % and 100 %, and what is left is watched")
        return ReferenceChoice(Basis.SHARE, amount / 100)
    if amount < LEAST:
        raise ValueError(f"fewer than {LEAST} events are no reference")
    return ReferenceChoice(Basis.EVENTS, amount)


def fitted(config: Config, found: Survey, choice: ReferenceChoice, reference: Survey | None = None) -> Config:
    """The configuration with the reference of every model, the windows and the tick fitted to a file.

    Args:
        found: what the file holds.
        reference: what the file of the reference holds, for ``Basis.FILE``.
    """
    models = {name: dict(settings) for name, settings in config.models.items()}
    for model in found.models:
        own = config.monitoring_for(model).reference
        events = _size(
            own.events, found.largest(model), choice, None if reference is None else reference.largest(model)
        )
        labels = _size(own.labels, found.labels[model], choice, None if reference is None else reference.labels[model])
        settings: dict[str, Any] = models.setdefault(model, {})
        settings["reference"] = {**settings.get("reference", {}), "events": events, "labels": labels}
    width = _nice(found.span_ms / 1000 / ROWS)
    for settings in models.values():
        settings.pop("metrics_window", None)
    return replace(
        config,
        models=models,
        monitoring=replace(config.monitoring, metrics_window=float(width)),
        worker=replace(
            config.worker,
            tick=tick_of(config, found),
            # However long ago the reference's file was, it is not forgotten.
            forget_models_after=config.worker.forget_models_after + _apart_s(found, reference),
        ),
    )


def _apart_s(found: Survey, reference: Survey | None) -> float:
    if reference is None or reference.first_ms is None or found.last_ms is None:
        return 0.0
    return (found.last_ms - reference.first_ms) / 1000


def tick_of(config: Config, found: Survey) -> float:
    """Seconds of the file's time between two looks: the worker's, unless that would be very many with little in each."""
    span_s = found.span_ms / 1000
    tick = config.worker.tick
    if min(float(found.records), span_s / tick) <= MANY_LOOKS or found.records >= MANY_LOOKS * 50:
        return tick
    if span_s / tick < found.records / 8:
        return tick  # each look finds enough to do
    return max(tick, float(_nice(span_s / FEW_LOOKS)))


def _size(worker: int, there: int, choice: ReferenceChoice, in_file: int | None) -> int:
    match choice.basis:
        case Basis.WORKER:
            return worker
        case Basis.SHARE:
            return max(LEAST, round(there * choice.amount))
        case Basis.EVENTS:
            return round(choice.amount)
        case Basis.FILE:
            return max(1, in_file or worker)
        case Basis.FITTED:
            return worker if worker <= there * SHARE else max(LEAST, round(there * SHARE))


def _nice(seconds: float) -> int:
    """The next length that people use."""
    return next((step for step in _STEPS_S if step >= seconds), -(-round(seconds) // _DAY_S) * _DAY_S)
