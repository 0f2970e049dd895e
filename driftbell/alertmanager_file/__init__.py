"""An Alertmanager configuration as one of driftbell."""

from __future__ import annotations
