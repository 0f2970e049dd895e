"""The commands, in the order in which ``driftbell --help`` lists them. A new one is a file here and a line below."""

from __future__ import annotations

from driftbell.commands import (
    ack,
    alerts,
    canary,
    completion,
    config,
    demo,
    dlq,
    events,
    notify,
    replay,
    route,
    router,
    silence,
    state,
    status,
    topics,
    why,
    worker,
)

COMMANDS = (
    demo,
    worker,
    router,
    status,
    alerts,
    why,
    ack,
    silence,
    route,
    notify,
    canary,
    topics,
    config,
    replay,
    events,
    dlq,
    state,
    completion,
)

__all__ = ["COMMANDS"]
