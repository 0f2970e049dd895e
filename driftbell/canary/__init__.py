"""A canary: a prediction and an alert of driftbell's own, followed from outside to every channel and back."""

from __future__ import annotations

from driftbell.canary.hop import Hop, Step
from driftbell.canary.run import Canary
from driftbell.canary.text import line

__all__ = ["Canary", "Hop", "Step", "line"]
