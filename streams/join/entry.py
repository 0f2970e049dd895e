"""How a prediction that waits for its label is packed: about 30 bytes, so that ten million fit a small Redis.

A packed prediction is a msgpack array of the fields below in their order; label and weight follow once it is labelled.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from driftbell.streams.encoding import BadStateError, decoder

#: Version of the packing, first in every entry: millions of entries are never rewritten at once.
FORM: Final = 1


class PendingPrediction(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A prediction by its packed fields. It is written as a plain tuple, which leaves out what is not there."""

    form: Literal[1]
    slot: int
    #: Number of the subject (``join.subjects``).
    subject: int
    prediction: Any
    scores: Any
    #: Milliseconds from the slot's start to the moment the prediction was made; often negative for late arrivals.
    made: int
    tags: dict[str, str]
    label: Any = None
    #: None: no label yet.
    weight: float | None = None


_DECODER: Final = decoder(PendingPrediction)


def open_pending(packed: bytes) -> PendingPrediction:
    """Read a packed prediction.

    Raises:
        BadStateError: damaged, or packed by a newer driftbell.
    """
    try:
        return _DECODER.decode(packed)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise BadStateError(f"a pending prediction is damaged, or was packed by a newer driftbell: {error}") from error
