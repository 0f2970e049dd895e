"""Services that run inside a command, for trying driftbell with nothing else installed. Never for production."""

from __future__ import annotations

from driftbell.embedded.broker import EmbeddedBroker
from driftbell.embedded.processes import ChildProcess, ProcessGroup
from driftbell.embedded.valkey import EmbeddedStore, StoreKind

__all__ = ["ChildProcess", "EmbeddedBroker", "EmbeddedStore", "ProcessGroup", "StoreKind"]
