"""The senders of a term of leadership: one for each destination in force, also while the configuration changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from driftbell.alerting.channels.channel import KeepsAlive
from driftbell.alerting.channels.keeper import Keeper
from driftbell.alerting.channels.registry import Endpoint
from driftbell.alerting.outbox.firing_there import firing_there
from driftbell.alerting.process.router import Router
from driftbell.alerting.process.sender import RateLimits, Sender

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class _Served:
    """One destination's sender, with what ends it and what ends its repetitions."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.stop = asyncio.Event()
        self.quiet = asyncio.Event()


class Senders:
    """Follows what is in force.

    Args:
        router: whose ``endpoints`` are served.
        spawn: starts a task of the term.
        caught_up: set when the topic is read to its end.
    """

    def __init__(self, router: Router, spawn: Spawn, caught_up: asyncio.Event) -> None:
        self._router = router
        self._spawn = spawn
        self._caught_up = caught_up
        self._limits = RateLimits()
        self._served: dict[str, _Served] = {}

    def follow(self) -> None:
        """Start what is new, give what is there its channel of now, and end what is gone. What is on its way is finished."""
        endpoints = self._router.endpoints
        for name in self._served.keys() - endpoints.keys():
            gone = self._served.pop(name)
            gone.stop.set()
            gone.quiet.set()
            self._spawn(gone.sender.let_go(), f"{name} ends")
        for name, endpoint in endpoints.items():
            served = self._served.get(name)
            if served is None:
                sender = Sender(self._router, endpoint.destination, endpoint.channel, self._limits)
                served = self._served[name] = _Served(sender)
            elif served.sender.channel is endpoint.channel:
                continue
            else:
                served.quiet.set()
                served.quiet = asyncio.Event()
                self._spawn(served.sender.change(endpoint.channel), f"{name} changes")
            for _ in range(served.sender.in_flight - served.sender.running):
                served.sender.running += 1
                self._spawn(served.sender.run(served.stop), name)
            if isinstance(endpoint.channel, KeepsAlive):
                self._spawn(self._keep(endpoint, endpoint.channel, served.quiet), f"{name} again")

    def stop(self) -> None:
        """End all; each finishes what it has begun."""
        for served in self._served.values():
            served.stop.set()
            served.quiet.set()

    async def _keep(self, endpoint: Endpoint, channel: KeepsAlive, stop: asyncio.Event) -> None:
        # Before all has been read, what is over already may look as if it fired.
        await self._caught_up.wait()
        name = endpoint.destination.id
        keeper = Keeper(name, channel, lambda: firing_there(self._router.state, name), self._router.heartbeat)
        await keeper.run(stop)
