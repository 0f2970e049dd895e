"""Fakes of what the router talks to, strict about the vendors' contracts, for the demo and the tests."""

from __future__ import annotations
