"""Retry: the one loop that tries again what another system did not answer, with growing pauses, as long as patience lasts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from driftbell.streams.engine.timing.clock import Clock

T = TypeVar("T")

#: Waits between two tries of a store or a broker that somebody waits for, in seconds; the last one repeats.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)

#: The same where nobody waits for the first answer.
LONG_PAUSES_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)

#: How long one question to the brokers may take.
BROKER_TIMEOUT_SECONDS = 5.0

#: What goes on failing is reported again after so long.
REMIND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often to try.

    Args:
        seconds: after so long the last error is raised; infinite: never.
    """

    clock: Clock
    seconds: float = math.inf
    pauses: Sequence[float] = PAUSES_SECONDS


async def retry(
    attempt: Callable[[], Awaitable[T]],
    patience: Patience,
    *,
    on: tuple[type[Exception], ...],
    report: Callable[[Exception], None],
) -> T:
    """Call ``attempt`` until it answers.

    Args:
        on: the errors after which it is tried again; all others are raised at once.
        report: called with the first error, and again every minute while it goes on.

    Raises:
        Exception: the last error of ``on`` once ``patience`` is over.
    """
    clock = patience.clock
    remind_at = started = clock.monotonic()
    tries = 0
    while True:
        try:
            return await attempt()
        except on as error:
            now = clock.monotonic()
            if now >= started + patience.seconds:
                raise
            if now >= remind_at:
                report(error)
                remind_at = now + REMIND_SECONDS
        await asyncio.sleep(patience.pauses[min(tries, len(patience.pauses) - 1)])
        tries += 1
