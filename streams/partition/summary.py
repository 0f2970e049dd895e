"""What can be told of a partition from its checkpoint alone, without restoring it."""

from __future__ import annotations

from driftbell.streams.partition.partition import CORE_FORMAT


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
