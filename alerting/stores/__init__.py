"""Where the router keeps its state: the port, an implementation in memory, one in Redis."""

from __future__ import annotations
