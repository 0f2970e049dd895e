"""An event loop whose time stands still while code runs, and jumps to the next timer when nothing is left to run.

A wait of thirty seconds takes none, and a busy machine makes no timeout expire: time passes only by waiting.
For tests that touch no socket, thread or process, whose answers time would not wait for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike


class _HeldSelector(selectors.BaseSelector):
    """Asks what is ready now, and lets the time pass that it was to wait."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._inner = selectors.DefaultSelector()

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Without a timer there is only the outside to wait for, as a signal that ends the run.
        ready = self._inner.select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class HeldLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._held = _HeldSelector()
        super().__init__(self._held)

    def time(self) -> float:
        """Seconds; moved by waiting alone."""
        return self._held.now
