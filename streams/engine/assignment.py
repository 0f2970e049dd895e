"""One assignment of the consumer group, as a cancel scope: whatever was begun for it ends when the group revokes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

Work = Coroutine[Any, Any, None]


class Assignment:
    """The work that is done for what the group has assigned, until ``revoke``.

    A claim that began before a rebalance must not take effect after it. So claims run as tasks in here, ``revoke`` cancels
    them all and returns when they have ended, and a revoked assignment begins nothing.
    """

    def __init__(self) -> None:
        self.revoked = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something begun for it goes on."""
        return bool(self._tasks)

    async def run(self, works: Mapping[str, Callable[[], Work]]) -> None:
        """Do these at the same time, by the names of their tasks; returns early when the assignment is revoked meanwhile.

        Raises:
            Exception: the first error of any of them; the others go on.
        """
        if self.revoked:
            return
        tasks = [self._begin(work(), name) for name, work in works.items()]
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            if not self.revoked:
                raise

    def start(self, work: Callable[[], Work], name: str, on_end: Callable[[asyncio.Task[None]], None]) -> None:
        """Begin one piece of work and go on; ``on_end`` is called with its task when that has ended or been cancelled."""
        if not self.revoked:
            self._begin(work(), name).add_done_callback(on_end)

    async def revoke(self) -> None:
        """Cancel what was begun, and return when all of it has ended."""
        self.revoked = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Work, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
