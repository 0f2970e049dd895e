"""What can be told of a partition and its models from their checkpoint alone."""

from __future__ import annotations

import msgspec

from driftbell.runtime.config.model import Monitoring, Worker
from driftbell.streams.encoding import BadStateError
from driftbell.streams.partition.model import Model
from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.stats import NameCount


class WatchSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How one version and variant of a model is watched."""

    model: str
    version: str
    variant: str
    #: Whether what is normal has been learned; before, nothing is watched that compares with it.
    learned: bool
    #: Predictions learned from so far, and how many it takes.
    predictions_learned: int
    predictions_needed: int
    #: Features whose distribution is not watched, with the reason; ``prediction`` stands for the prediction itself.
    unwatched: dict[str, str] = {}
    #: Why what was learned may not be typical.
    reference_caveats: list[str] = []
    #: Monitors and other parts that raised and are off for this subject, with the error.
    switched_off: dict[str, str] = {}
    #: Why nothing can be told of it; empty: it can.
    unreadable: str = ""


def pending_predictions(core: bytes) -> int:
    """Predictions that still wait for their label and may get it.

    What the store keeps per prediction is no measure: it keeps labelled ones for amendments of the label, and those whose
    horizon has passed until the whole time slot goes.

    Args:
        core: the partition's part of a checkpoint.

    Raises:
        driftbell.streams.errors.BadStateError: it is damaged, or was written by a newer driftbell.
    """
    slots = CORE_FORMAT.decode(core)["join"]["slots"]
    return sum(count for _, _, over, pending in slots if not over for _, count in pending)


def watched(model: str, blob: bytes, settings: Monitoring) -> list[WatchSummary]:
    """How each version and variant of a model is watched, sorted; state that cannot be read is one without a version.

    Args:
        model: its name.
        blob: its state.
        settings: the model's.
    """
    found = []
    restored = Model(model, settings, Worker())
    try:
        restored.restore(blob)
    except BadStateError as error:
        return [
            WatchSummary(
                model=model,
                version="",
                variant="",
                learned=False,
                predictions_learned=0,
                predictions_needed=settings.reference.events,
                unreadable=str(error),
            )
        ]
    for subject, watch in restored.watches:
        found.append(
            WatchSummary(
                model=model,
                version=subject.version,
                variant=subject.variant,
                learned=watch.reference.ready,
                predictions_learned=watch.reference.events,
                predictions_needed=settings.reference.events,
                unwatched={name: why.value for name, why in sorted(watch.unwatched().items())},
                reference_caveats=[caveat.value for caveat in watch.caveats()],
                switched_off=watch.guard.state(),
            )
        )
    return sorted(found, key=lambda one: (one.version, one.variant))


class UnwatchedModels(msgspec.Struct, frozen=True, kw_only=True):
    """Models of a partition that nobody watches, as there was no room for them lately."""

    #: How many, about, and some of them.
    models: int
    examples: list[str]
    #: Their records since it began, which went to the dead letters.
    records: int


def unwatched_models(core: bytes) -> UnwatchedModels | None:
    """Models for which the partition had no room lately; None: there are none.

    Args:
        core: the partition's part of a checkpoint.

    Raises:
        driftbell.streams.errors.BadStateError: it is damaged, or was written by a newer driftbell.
    """
    crowd = CORE_FORMAT.decode(core).get("too_many_models", {}).get("crowd")
    if crowd is None:
        return None
    names = NameCount(crowd["first"], crowd["hashes"])
    return UnwatchedModels(models=names.count, examples=names.first, records=crowd["events"])


def wrong_keys(core: bytes) -> list[tuple[str, str]]:
    """What of the partition's records belongs into other partitions, as (input, reason).

    Args:
        core: the partition's part of a checkpoint.

    Raises:
        driftbell.streams.errors.BadStateError: it is damaged, or was written by a newer driftbell.
    """
    shown = CORE_FORMAT.decode(core).get("wrong_keys", {}).get("shown", {})
    return [(source, reason) for source, _, reason in (name.partition("/") for name in sorted(shown))]
