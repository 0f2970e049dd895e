"""The label join: finds the prediction of every label, whichever comes first."""

from __future__ import annotations

from streams.join.delta import JoinDelta, JoinExpiry
from streams.join.label_join import LabelJoin
from streams.join.outcome import JoinOutcome

__all__ = ["JoinDelta", "JoinExpiry", "JoinOutcome", "LabelJoin"]
