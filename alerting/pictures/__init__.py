"""Pictures of what an alert watches."""

from __future__ import annotations
