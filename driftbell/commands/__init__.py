"""The commands, in the order in which ``driftbell --help`` lists them. A new one is a file here and a line below."""

from __future__ import annotations

from driftbell.commands import config, demo, dlq, events, replay, router, state, status, topics, worker

COMMANDS = (
    demo,
    worker,
    router,
    status,
    topics,
    config,
    replay,
    events,
    dlq,
    state,
)

__all__ = ["COMMANDS"]
