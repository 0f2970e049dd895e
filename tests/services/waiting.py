"""Waiting for a condition of another process, with a limit and a message; never a bare sleep in a test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


def wait_until(condition: Callable[[], object], what: str, timeout: float = 30.0, pause: float = 0.05) -> None:
    """Block until ``condition()`` is true.

    Raises:
        TimeoutError: it was not within ``timeout`` seconds; the message says ``what`` was waited for.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain until {what}")
        time.sleep(pause)


async def eventually(
    condition: Callable[[], object | Awaitable[object]],
    what: str,
    timeout: float = 30.0,  # noqa: ASYNC109 - asyncio.timeout would not say what was waited for
    pause: float = 0.05,
) -> None:
    """As ``wait_until`` without blocking the event loop; ``condition`` may be a coroutine function.

    Raises:
        TimeoutError: as ``wait_until``.
    """
    # The loop's time, which a test may hold.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        result = condition()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return
        if loop.time() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain until {what}")
        await asyncio.sleep(pause)
