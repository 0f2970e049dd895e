"""What a picture shows, and that it is one."""

from __future__ import annotations

import io
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.pictures.chart import HEIGHT, WIDTH, Plot, draw, plot_of
from driftbell.schemas import Series
from tests.alerting.alerts import START_MS
from tests.alerting.pictures.series import MINUTE_MS, alert_with, series

BLUE, BAND = (25, 90, 160), (214, 232, 250)


def plot(**changes: Any) -> Plot:
    found = plot_of(alert_with(series(), **changes))
    assert found is not None
    return found


def test_the_range_is_that_of_the_windows_before_the_change() -> None:
    shown, before = plot(), series().values[:60]

    assert shown.usual == (min(before), max(before))
    assert shown.change_ms == START_MS - 20 * MINUTE_MS
    assert (shown.threshold, shown.low) == (0.06, 0.0)
    assert max(shown.values) < shown.high < 0.13
    assert shown.title == "error rate of fraud 3, windows of 1 min"


def test_few_windows_make_no_range_and_a_change_outside_is_not_shown() -> None:
    few = plot_of(alert_with(series(before=3), change_after=3))
    outside = plot_of(alert_with(series(), change_after=500))

    in_the_last = plot_of(alert_with(series(), change_after=79))

    assert in_the_last is not None and in_the_last.change_ms == in_the_last.times_ms[-1]
    assert few is not None and few.usual is None
    assert outside is not None and outside.change_ms is None


@pytest.mark.parametrize(
    "given",
    [
        None,
        Series(start_ms=0, width_ms=60_000),
        Series(start_ms=0, width_ms=60_000, steps=[1], values=[0.5]),
        Series(start_ms=0, width_ms=0, steps=[1, 2], values=[0.5, 0.5]),
        Series(start_ms=0, width_ms=-1, steps=[1, 2], values=[0.5, 0.5]),
        Series(start_ms=0, width_ms=1, steps=[1, 2], values=[0.5]),
        Series(start_ms=0, width_ms=1, steps=[1, 1], values=[0.5, 0.5]),
        Series(start_ms=2**62, width_ms=2**62, steps=[1, 2], values=[0.5, 0.5]),
    ],
)
def test_of_what_is_no_series_there_is_no_picture(given: Series | None) -> None:
    assert plot_of(alert_with(given)) is None


@given(
    start=st.integers(-(2**63), 2**63 - 1),
    width=st.integers(-(2**63), 2**63 - 1) | st.integers(1, 10**7),
    steps=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 200), max_size=120),
    values=st.lists(st.floats(), max_size=120),
    threshold=st.none() | st.floats(),
)
def test_whatever_another_program_writes_is_a_plot_or_none(
    start: int, width: int, steps: list[int], values: list[float], threshold: float | None
) -> None:
    alert = alert_with(Series(start_ms=start, width_ms=width, steps=steps, values=values), change_after=0)
    alert = msgspec.structs.replace(alert, evidence=msgspec.structs.replace(alert.evidence, threshold=threshold))
    found = plot_of(alert)

    if found is not None:
        assert list(found.times_ms) == sorted(set(found.times_ms))
        assert math.isfinite(found.high) and found.low < found.high
        assert all(found.low <= value <= found.high for value in found.values)


def pixels(png: bytes) -> tuple[tuple[int, int], dict[tuple[int, int, int], list[tuple[int, int]]]]:
    """Size, and where each colour is."""
    from PIL import Image

    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    found: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    shown: Any = image.convert("RGB")
    for at in range(shown.width * shown.height):
        place = at % shown.width, at // shown.width
        found.setdefault(shown.getpixel(place), []).append(place)
    return shown.size, found


def near(
    found: dict[tuple[int, int, int], list[tuple[int, int]]], colour: tuple[int, int, int]
) -> list[tuple[int, int]]:
    """Where a colour is, as nearly as smoothing leaves it."""
    return [
        place
        for one, places in found.items()
        if sum(abs(a - b) for a, b in zip(one, colour, strict=True)) < 30
        for place in places
    ]


def test_the_picture_shows_line_band_threshold_and_change() -> None:
    pytest.importorskip("PIL")
    size, found = pixels(draw(plot(), "%"))

    assert size == (WIDTH, HEIGHT)
    line, band = near(found, BLUE), near(found, BAND)
    # Thin lines are paler than what they are drawn with.
    red = [place for (r, g, b), places in found.items() if r - max(g, b) > 50 for place in places]
    # The line rises behind the change; the band lies below the threshold, and the change stands at three quarters.
    rise = [y for x, y in line if x > WIDTH * 0.85], [y for x, y in line if x < WIDTH * 0.5]
    assert max(rise[0]) < min(rise[1])
    assert len(band) > 3_000
    columns = [x for x, _ in red]
    change = max(set(columns), key=columns.count)
    assert abs(change - (70 + (WIDTH - 88) * 60 / 79)) < 3


def test_a_hostile_name_is_cut_to_the_room() -> None:
    pytest.importorskip("PIL")
    labels = {"model": "x\x00\u202e<script>\n" * 50, "version": "\U0001f469" * 100}

    assert draw(plot(labels=labels), "%").startswith(b"\x89PNG")


def test_a_picture_is_small() -> None:
    pytest.importorskip("PIL")

    assert len(draw(plot(), "%")) < 40_000
