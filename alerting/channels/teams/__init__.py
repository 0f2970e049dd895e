"""Microsoft Teams, by workflow."""

from __future__ import annotations
