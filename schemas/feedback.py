"""The feedback event: the true label of a prediction, usually much later."""

from __future__ import annotations

from typing import Annotated

import msgspec

from driftbell.schemas.identifier import Identifier


class Feedback(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One label, as published to the ``feedback`` topic under the key ``model``.

    A second label for the same ``prediction_id`` amends the first; the same label again is a duplicate.
    """

    prediction_id: Identifier
    model: Identifier
    label: float | int | str | bool
    timestamp: int | float | str
    #: How much this label counts in weighted metrics; never negative.
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    tags: dict[str, str] = {}
