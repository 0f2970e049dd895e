"""The router: a pure core (routes, groups, decisions, queues) and a shell (store, outbox workers, channels)."""

from __future__ import annotations
