"""The detector port: few verbs, the same on every detector."""

from __future__ import annotations

from typing import ClassVar, Protocol

from driftbell.streams.versioned import Versioned


class Detector(Protocol):
    """Decides whether what it is fed has changed. ``update`` differs by what a detector is fed; the other verbs do not.

    ``state`` returns a struct that does not alias the detector; ``restore`` of it, or of what ``decode`` reads of it, into
    a fresh detector of the same parameters continues identically, bit for bit.
    Memory is bounded however long the stream.
    """

    name: ClassVar[str]
    #: True when a stated number of events per false alarm is kept.
    calibrated: ClassVar[bool]

    @property
    def drift_detected(self) -> bool:
        """Whether the last update raised an alarm (in any row, for detectors that watch many)."""

    def reset(self) -> None:
        """Forget the evidence, keep the parameters."""

    def state(self) -> Versioned:
        """Everything needed to continue."""

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
