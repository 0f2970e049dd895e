"""A model that has been quiet for long: its encoded state, and what is asked of it without waking it."""

from __future__ import annotations

import zlib
from typing import Final

from driftbell.streams.partition.model import Model

#: So long after the last look at a model, in ms of stream time, it is packed. Unpacking takes as long as some looks, so that a
#: model with an event a minute stays as it is.
PACK_AFTER_MS: Final = 5 * 60 * 1000
#: As many are packed between two steps: each takes about a millisecond.
MOST_AT_ONCE: Final = 100


def is_quiet(model: Model, now_ms: int) -> bool:
    """Whether a model may be packed: it has been quiet for long, holds no events, and all of it has been encoded."""
    return not model.dirty and now_ms - model.ticked_ms >= PACK_AFTER_MS and not model.gathering


def was_quiet(model: Model, now_ms: int) -> bool:
    """The same of a model that has just been restored: looks for which no event came do not count.

    Else a worker that claims models which all fell silent together would hold all of them unpacked.
    """
    return not model.gathering and now_ms - model.idle_since_ms >= PACK_AFTER_MS


class PackedModel:
    """What a model was. Packing it decides nothing: what it is unpacked to goes on as after a restart."""

    __slots__ = ("_compressed", "_state", "active", "last_episode")

    def __init__(self, model: Model, state: bytes) -> None:
        """``state``: the model's, as ``Model.state`` wrote it."""
        # Level 1, as for checkpoints. What is compressed already stays as it is.
        shorter = zlib.compress(state, 1)
        self._compressed = len(shorter) < 0.9 * len(state)
        self._state = shorter if self._compressed else state
        #: Its alerts that fire.
        self.active = tuple(model.active())
        #: As ``Model.last_episode``.
        self.last_episode = model.last_episode

    @property
    def state(self) -> bytes:
        """The model's state, for ``Model.restore``."""
        return zlib.decompress(self._state) if self._compressed else self._state
