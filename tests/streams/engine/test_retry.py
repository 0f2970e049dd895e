"""One retry loop for all that waits for another system."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from driftbell.streams.engine.timing.retry import REMIND_SECONDS, Patience, retry
from tests.streams.engine.fakes import HeldClock


class SteppedClock(HeldClock):
    """Every question about the time takes ``step`` seconds."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self._step, self._now = step, 0.0

    def monotonic(self) -> float:
        self._now += self._step
        return self._now


@dataclass
class Flaky:
    """Fails so often, then answers; notes what was reported."""

    failures: int
    tries: int = 0
    reported: list[str] = field(default_factory=list)

    async def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self.failures:
            raise OSError(f"try {self.tries}")
        return "answer"

    def report(self, error: Exception) -> None:
        self.reported.append(str(error))


async def test_what_answers_in_the_end_is_returned_and_reported_once() -> None:
    flaky = Flaky(3)

    assert await retry(flaky, Patience(HeldClock(), 60, (0,)), on=(OSError,), report=flaky.report) == "answer"
    assert flaky.reported == ["try 1"]


async def test_when_patience_is_over_the_last_error_is_raised() -> None:
    flaky = Flaky(100)

    with pytest.raises(OSError, match="try 5"):
        await retry(flaky, Patience(SteppedClock(1.0), 5.0, (0,)), on=(OSError,), report=flaky.report)


async def test_what_goes_on_failing_is_reported_every_minute() -> None:
    flaky = Flaky(7)

    await retry(flaky, Patience(SteppedClock(REMIND_SECONDS / 3), pauses=(0,)), on=(OSError,), report=flaky.report)

    assert flaky.reported == ["try 1", "try 4", "try 7"]


async def test_an_error_that_no_waiting_helps_is_raised_at_once() -> None:
    flaky = Flaky(1)

    with pytest.raises(OSError, match="try 1"):
        await retry(flaky, Patience(HeldClock()), on=(ValueError,), report=flaky.report)
