"""The commands, in the order in which ``driftbell --help`` lists them. A new one is a file here and a line below."""

from __future__ import annotations

from driftbell.commands import config, demo, events, replay, router, topics, worker

COMMANDS = (
    demo,
    worker,
    router,
    topics,
    config,
    replay,
    events,
)

__all__ = ["COMMANDS"]
