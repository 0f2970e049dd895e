"""PooledColumns: what the watchers of many columns in one e-detector share."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from driftbell.streams.detectors import ShiryaevRoberts
from driftbell.streams.detectors.shiryaev_roberts import EvidenceState


class PooledDetector(Protocol):
    """An e-detector of many columns."""

    evidence: ShiryaevRoberts

    @property
    def log_evidence(self) -> npt.NDArray[np.float64]:
        """Of each column."""

    def reset(self, row: int) -> None:
        """Forget the evidence of one column."""

    def state(self) -> EvidenceState:
        """Everything needed to continue."""

    def restore(self, state: object) -> None:
        """Continue from ``state``."""


D = TypeVar("D", bound=PooledDetector)


class PooledColumns(Generic[D]):
    """The half of a ``PooledWatcher`` that asks only its detector."""

    _detector: D

    @property
    def ceiling(self) -> float:
        """No column's log evidence is larger."""
        return self._detector.evidence.ceiling

    @property
    def log_evidence(self) -> npt.NDArray[np.float64]:
        """Of each column."""
        return self._detector.log_evidence

    def evidence(self, at: int) -> tuple[float, int]:
        """Of the mixture; the change point is that of the best bet."""
        return float(self._detector.log_evidence[at]), self._detector.evidence.change_point(at)[0]

    def reset(self, at: int) -> None:
        """Forget the evidence of one column."""
        self._detector.reset(at)

    def state(self) -> EvidenceState:
        """The detector's."""
        return self._detector.state()

    def restore(self, state: object) -> None:
        """Continue from ``state``."""
        self._detector.restore(state)
