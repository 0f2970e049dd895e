"""The router's clock, and what counts by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.outbox.token_bucket import TokenBucket
from driftbell.alerting.process.clock import ForwardClock


class Machine:
    """A machine whose clock somebody sets."""

    def __init__(self) -> None:
        self.monotonic = 500.0
        self.wall = 1_000_000.0

    def clock(self) -> ForwardClock:
        return ForwardClock(wall=lambda: self.wall, monotonic=lambda: self.monotonic)

    def run(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds


def test_it_counts_with_the_machine() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.run(12.5)

    assert clock() == 1_000_012_500


def test_setting_the_clock_back_does_not_stop_the_timers() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= 3600
    machine.run(10)

    assert clock() == 1_000_010_000


def test_time_that_the_machine_slept_has_passed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 7200
    machine.run(1)

    assert clock() == 1_007_201_000


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6)), max_size=20))
def test_it_never_runs_backwards(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    last = clock()
    for passed, shifted in steps:
        machine.run(passed)
        machine.wall += shifted
        now = clock()
        assert now >= last
        last = now


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=2, burst=3)
    taken = []
    now_ms = 0
    for _ in range(6):
        wait = bucket.wait_ms(now_ms)
        now_ms += wait
        bucket.take(now_ms)
        taken.append(now_ms)

    assert taken[:3] == [0, 0, 0]
    assert [round(later / 500) for later in taken[3:]] == [1, 2, 3]


@given(
    per_second=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.integers(0, 5_000), min_size=1, max_size=100),
)
def test_a_bucket_never_gives_more_than_rate_and_burst(per_second: float, burst: int, gaps: list[int]) -> None:
    bucket = TokenBucket(per_second, burst)
    now_ms = given_out = 0
    for gap in gaps:
        now_ms += gap
        if bucket.wait_ms(now_ms) == 0:
            bucket.take(now_ms)
            given_out += 1

    assert given_out <= burst + now_ms / 1000 * per_second + 1e-6
