"""The router: a pure core (routes, groups, decisions, lanes) and a shell (store, outbox workers, channels)."""

from __future__ import annotations
