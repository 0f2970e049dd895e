"""Why an alert was sent where, or was not: ``driftbell why``."""

from __future__ import annotations

from driftbell.why.explanation import Explanation, explain
from driftbell.why.text import lines

__all__ = ["Explanation", "explain", "lines"]
