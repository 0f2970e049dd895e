from __future__ import annotations

import asyncio
import time

import pytest

from tests.services.waiting import eventually
from tests.streams.engine.fakes import HeldClock


async def test_an_hour_passes_in_no_time_and_in_the_right_order() -> None:
    began, clock = time.monotonic(), HeldClock()
    start = clock.monotonic()
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(clock.monotonic() - start)

    await asyncio.gather(sleep(3600.0), sleep(0.5), sleep(60.0))

    assert woken == pytest.approx([0.5, 60.0, 3600.0])
    assert time.monotonic() - began < 60.0


async def test_a_busy_machine_makes_no_timeout_expire() -> None:
    async with asyncio.timeout(0.001):
        time.sleep(0.02)  # noqa: ASYNC251 - as slow as code on a busy machine
        await asyncio.sleep(0)


async def test_what_never_happens_is_waited_for_in_vain() -> None:
    with pytest.raises(TimeoutError, match="waited 30 s in vain until it happens"):
        await eventually(lambda: False, "it happens")
