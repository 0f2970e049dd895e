from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from driftbell.streams.engine.timing.clock import SystemClock
from driftbell.streams.engine.timing.time_slice import TimeSlice


async def test_the_loop_comes_round_after_every_slice_however_many_partitions_are_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("driftbell.streams.engine.timing.time_slice.SLICE_SECONDS", 0.0)
    rounds = 0
    slices: Counter[int] = Counter()

    async def count_rounds() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    def work() -> Iterator[None]:
        for _ in range(5):
            slices[rounds] += 1
            yield

    time_slice = TimeSlice(SystemClock())
    counting = asyncio.create_task(count_rounds())
    await asyncio.gather(*(time_slice.exhaust(work()) for _ in range(12)))
    counting.cancel()

    assert slices.total() == 60
    assert max(slices.values()) == 1


async def test_steps_are_exhausted_and_their_time_is_told() -> None:
    done: list[int] = []

    def work() -> Iterator[None]:
        for number in range(100):
            done.append(number)
            yield

    spent = await TimeSlice(SystemClock()).exhaust(work())

    assert done == list(range(100))
    assert spent >= 0.0


async def test_an_error_in_a_step_lets_the_others_go_on() -> None:
    def broken() -> Iterator[None]:
        yield
        raise ValueError("broken")

    time_slice = TimeSlice(SystemClock())
    with pytest.raises(ValueError, match="broken"):
        await time_slice.exhaust(broken())

    assert await time_slice.exhaust(iter([None])) >= 0.0
