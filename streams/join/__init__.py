"""The label join: finds the prediction of every label, whichever comes first."""

from __future__ import annotations

from driftbell.streams.join.delta import JoinDelta
from driftbell.streams.join.label_join import LabelJoin
from driftbell.streams.join.outcome import JoinOutcome

__all__ = ["JoinDelta", "JoinOutcome", "LabelJoin"]
