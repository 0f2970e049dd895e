"""Imported by Python itself when this folder is on its path: what driftbell says of itself ends after seconds, not minutes."""

from __future__ import annotations

from tests.faults.haste import hurry

hurry()
