"""The merge gives one order, whatever the fetches and watermarks were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.streams.partition.merge import Merge, Slice, Tick
from driftbell.streams.records import Input, Record

TICK_MS, RESOLUTION_MS = 1000, 50

timestamps = st.lists(st.integers(0, 6000), max_size=40)


def records(times: list[int]) -> list[Record]:
    """Records of one input with the given timestamps, in offset order."""
    return [Record(offset, time, b"") for offset, time in enumerate(times)]


def drain(merge: Merge, *, open_batches: bool = True, most: int = 1000) -> Iterator[tuple[str, int]]:
    """All certain steps as (input or tick, offset or time)."""
    while (step := merge.next(open_batches=open_batches, due_ms=None, most=most)) is not None:
        if isinstance(step, Tick):
            yield ("tick", step.now_ms)
        else:
            for record, time in zip(step.records, step.times, strict=True):
                assert merge.stream_ms <= time < merge.stream_ms + TICK_MS
                yield (step.input.value, record.offset)


def plain_order(predictions: list[int], feedback: list[int]) -> list[tuple[str, int]]:
    """The order by definition: running maximum, at the resolution, predictions first, offset order kept."""
    keyed = []
    for rank, (name, times) in enumerate((("predictions", predictions), ("feedback", feedback))):
        highest = -1
        for offset, time in enumerate(times):
            highest = max(highest, time - time % RESOLUTION_MS)
            keyed.append((highest, rank, offset, name))
    return [(name, offset) for _, _, offset, name in sorted(keyed)]


@pytest.mark.slow
@given(timestamps, timestamps, st.data())
@settings(max_examples=300)
def test_the_order_is_a_function_of_the_contents(
    predictions: list[int], feedback: list[int], data: st.DataObject
) -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS)
    left = {Input.PREDICTIONS: records(predictions), Input.FEEDBACK: records(feedback)}
    seen: list[tuple[str, int]] = []
    while any(left.values()):
        source = data.draw(st.sampled_from([s for s in Input if left[s]]))
        size = data.draw(st.integers(1, len(left[source])))
        merge.push(source, left[source][:size])
        left[source] = left[source][size:]
        if not left[source]:
            merge.advance_watermark(source, 100_000)
        seen += drain(merge, most=data.draw(st.integers(1, 10)))
    for source in Input:
        merge.advance_watermark(source, 100_000)
    seen += drain(merge)

    assert [entry for entry in seen if entry[0] != "tick"] == plain_order(predictions, feedback)


@given(timestamps.filter(bool), timestamps, st.data())
@settings(max_examples=200)
def test_ticks_stand_at_the_same_places_however_records_came(
    predictions: list[int], feedback: list[int], data: st.DataObject
) -> None:
    def run(sizes: list[int]) -> list[tuple[str, int]]:
        merge = Merge(TICK_MS, RESOLUTION_MS)
        seen: list[tuple[str, int]] = []
        for source, times in ((Input.PREDICTIONS, predictions), (Input.FEEDBACK, feedback)):
            rest = records(times)
            for size in sizes:
                merge.push(source, rest[:size])
                rest = rest[size:]
                seen += drain(merge)
            merge.push(source, rest)
        for source in Input:
            merge.advance_watermark(source, 20_000)
        seen += drain(merge)
        return [entry for entry in seen if entry != ("tick", 20_000)]

    sizes = data.draw(st.lists(st.integers(1, 5), max_size=8))

    assert run([]) == run(sizes)


@given(timestamps, timestamps, st.integers(0, 60))
@settings(max_examples=200)
def test_a_restart_between_two_steps_changes_nothing(predictions: list[int], feedback: list[int], cut: int) -> None:
    def feed(merge: Merge, skip: dict[str, int]) -> None:
        for source, times in ((Input.PREDICTIONS, predictions), (Input.FEEDBACK, feedback)):
            merge.push(source, records(times)[skip.get(source.value, 0) :])
            merge.advance_watermark(source, 100_000)

    whole = Merge(TICK_MS, RESOLUTION_MS)
    feed(whole, {})
    expected = list(drain(whole, most=1))

    first = Merge(TICK_MS, RESOLUTION_MS)
    feed(first, {})
    steps = drain(first, most=1)
    seen = [entry for _, entry in zip(range(cut), steps, strict=False)]
    done = {name: sum(1 for kind, _ in seen if kind == name) for name in ("predictions", "feedback")}
    second = Merge(TICK_MS, RESOLUTION_MS, stream_ms=first.stream_ms, last_times=first.last_times())
    feed(second, done)
    seen += drain(second, most=1)

    assert seen == expected


def test_a_label_waits_until_the_predictions_are_proved_complete() -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS)
    merge.push(Input.FEEDBACK, [Record(0, 500, b"")])

    assert merge.next(open_batches=False, due_ms=None, most=10) is None
    merge.advance_watermark(Input.PREDICTIONS, 500)
    assert merge.next(open_batches=False, due_ms=None, most=10) is None, (
        "a prediction at 500 may still come, and goes first"
    )
    merge.advance_watermark(Input.PREDICTIONS, 550)
    step = merge.next(open_batches=False, due_ms=None, most=10)

    assert isinstance(step, Slice)
    assert step.input is Input.FEEDBACK


def test_time_advances_without_records_when_something_is_due() -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS)
    merge.push(Input.PREDICTIONS, [Record(0, 100, b"")])
    for source in Input:
        merge.advance_watermark(source, 9_990)

    assert isinstance(merge.next(open_batches=False, due_ms=None, most=10), Slice)
    assert merge.next(open_batches=False, due_ms=4_200, most=10) == Tick(5_000)
    assert merge.next(open_batches=False, due_ms=20_000, most=10) is None
    assert merge.stream_ms == 9_000


@pytest.mark.parametrize("most", [1, 3, 7])
def test_slices_are_never_longer_than_asked(most: int) -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS)
    merge.push(Input.PREDICTIONS, records([10] * 20))
    merge.advance_watermark(Input.FEEDBACK, 10_000)
    step = merge.next(open_batches=False, due_ms=None, most=most)

    assert isinstance(step, Slice)
    assert len(step.records) == most


def test_an_input_that_is_not_merged_neither_waits_nor_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input.FEEDBACK, "spec", replace(Input.FEEDBACK.spec, merged=False))
    merge = Merge(1000, 1)
    merge.push(Input.PREDICTIONS, [Record(0, 5_000, b"")])

    first = merge.next(open_batches=False, due_ms=None, most=10)
    merge.push(Input.FEEDBACK, [Record(0, 1_000, b""), Record(1, 99_000, b"")])
    second = merge.next(open_batches=True, due_ms=None, most=10)

    assert isinstance(first, Slice)
    assert isinstance(second, Slice)
    assert (first.input, second.input) == (Input.PREDICTIONS, Input.FEEDBACK)
    assert [record.offset for record in second.records] == [0, 1]
    assert merge.waiting_for == (Input.PREDICTIONS,)
    assert merge.next(open_batches=True, due_ms=None, most=10) is None


def test_a_timestamp_ahead_of_the_clock_holds_nothing_back() -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS, lead_ms=30_000)
    now_ms = 1_000_000

    assert merge.push(Input.PREDICTIONS, records([now_ms, now_ms + 3_300_000, now_ms + 100]), now_ms) == 1
    assert merge.push(Input.FEEDBACK, records([now_ms + 50, 4_070_908_800_000, now_ms + 150]), now_ms) == 1
    for source in Input:
        merge.advance_watermark(source, now_ms + 1_000)

    assert [entry for entry in drain(merge) if entry[0] != "tick"] == [
        ("predictions", 0),
        ("predictions", 1),
        ("feedback", 0),
        ("feedback", 1),
        ("predictions", 2),
        ("feedback", 2),
    ]
    assert merge.stream_ms <= now_ms + 1_000, "stream time never runs ahead of what the brokers confirm"


@pytest.mark.slow
@given(timestamps.filter(bool), timestamps.filter(bool), st.data())
@settings(max_examples=200)
def test_timestamps_that_are_not_believed_change_no_other_record(
    predictions: list[int], feedback: list[int], data: st.DataObject
) -> None:
    strange = st.sampled_from([-1, -(2**62), 2**62, 10_000_000])

    def run(rows: dict[Input, list[Record]]) -> list[tuple[str, int]]:
        merge = Merge(TICK_MS, RESOLUTION_MS, lead_ms=3_000)
        for source, given_rows in rows.items():
            merge.push(source, given_rows[:1], 7_000)
            merge.push(source, given_rows[1:], 7_000)
            merge.advance_watermark(source, 10_000)
        return [(kind, offset) for kind, offset in drain(merge) if kind == "tick" or offset < 1_000]

    plain = {Input.PREDICTIONS: records(predictions), Input.FEEDBACK: records(feedback)}
    mixed = {source: list(rows) for source, rows in plain.items()}
    for rows in mixed.values():
        for number in range(data.draw(st.integers(0, 5))):
            rows.insert(data.draw(st.integers(1, len(rows))), Record(1_000 + number, data.draw(strange), b""))

    assert run(mixed) == run(plain)


def test_a_gap_of_days_is_no_strange_time() -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS, lead_ms=30_000)
    merge.push(Input.PREDICTIONS, records([1_000]), 1_100)
    merge.advance_watermark(Input.FEEDBACK, 1_100)
    assert list(drain(merge, open_batches=False)) == [("predictions", 0)]
    week_ms = 7 * 86_400_000

    assert merge.push(Input.PREDICTIONS, [Record(1, week_ms, b"")], week_ms + 20) == 0
    merge.advance_watermark(Input.FEEDBACK, week_ms + 100)
    assert list(drain(merge, open_batches=False)) == [("predictions", 1)]
    assert merge.last_times()["predictions"] == week_ms


def test_records_without_any_known_time_are_taken_at_the_clock() -> None:
    merge = Merge(TICK_MS, RESOLUTION_MS, lead_ms=30_000)

    assert merge.push(Input.PREDICTIONS, records([-1, 2**62]), 100_010) == 2
    merge.advance_watermark(Input.FEEDBACK, 101_000)
    step = merge.next(open_batches=False, due_ms=None, most=10)

    assert isinstance(step, Slice)
    assert list(step.times) == [100_000, 100_000]
