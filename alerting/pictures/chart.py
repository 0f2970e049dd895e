"""The metric of an alert as a PNG: its windows, the range of before, the threshold, and where it changed.

Drawn by Pillow, which is optional (``driftbell[pictures]``) and imported by nothing else. Twice the size is drawn and then
halved, which smooths the lines.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

from driftbell.runtime.measured import spoken
from driftbell.schemas import Alert, Series, to_rfc3339

WIDTH, HEIGHT = 640, 240
#: Left, top, right, bottom: room for words.
_MARGINS = (70, 34, 18, 30)
_SCALE = 2
#: Windows of before that make a range.
_ENOUGH = 5
_TEXT = 12

_WHITE, _GREY, _LIGHT = (255, 255, 255), (110, 110, 110), (225, 225, 225)
_BAND, _LINE, _RED = (214, 232, 250), (25, 90, 160), (198, 40, 40)


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn, in the quantity's own units and in epoch milliseconds: ``plot_of`` makes it."""

    title: str
    times_ms: tuple[int, ...]
    values: tuple[float, ...]
    #: The lowest and highest window of before the change; None where there are too few.
    usual: tuple[float, float] | None
    threshold: float | None
    change_ms: int | None
    #: Lower and upper end of the scale.
    low: float
    high: float


def plot_of(alert: Alert) -> Plot | None:
    """What a picture of the alert shows; None where there is nothing to see."""
    if alert.series is None:
        return None
    points = _points(alert.series)
    if len(points) < 2:
        return None
    change_ms = alert.evidence.change_point_ms
    before = [value for at, value in points if change_ms is not None and at + alert.series.width_ms <= change_ms]
    usual = (min(before), max(before)) if len(before) >= _ENOUGH else None
    threshold = alert.evidence.threshold
    shown = [value for _, value in points]
    if threshold is not None and math.isfinite(threshold) and abs(threshold) < 1e12:
        shown.append(threshold)
    else:
        threshold = None
    # The scale begins at 0, where the quantities we watch are good.
    low, high = min(0.0, *shown), max(shown)
    model = " ".join(filter(None, (alert.labels.get("model", ""), alert.labels.get("version", ""))))
    return Plot(
        title=f"{spoken(alert.evidence.metric)} of {model}, windows of {_span(alert.series.width_ms)}",
        times_ms=tuple(at for at, _ in points),
        values=tuple(value for _, value in points),
        usual=usual,
        threshold=threshold,
        change_ms=_within(change_ms, points[0][0], points[-1][0], alert.series.width_ms),
        low=low,
        high=low + (high - low) * 1.08 if high > low else low + 1.0,
    )


def draw(plot: Plot, unit: str = "") -> bytes:
    """The picture as PNG bytes.

    Args:
        plot: what to show.
        unit: behind the numbers of the scale; ``%`` multiplies them by 100.

    Raises:
        ImportError: Pillow is not installed.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _WHITE)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(_TEXT * _SCALE)
    left, top, right, bottom = (margin * _SCALE for margin in _MARGINS)
    right, bottom = WIDTH * _SCALE - right, HEIGHT * _SCALE - bottom

    def x(at_ms: int) -> float:
        first, last = plot.times_ms[0], plot.times_ms[-1]
        return left + (at_ms - first) / (last - first) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - plot.low) / (plot.high - plot.low) * (bottom - top)

    if plot.usual is not None:
        low, high = (y(value) for value in plot.usual)
        pen.rectangle((left, high - _SCALE, right, low + _SCALE), fill=_BAND)
    for part in range(5):
        value = plot.low + (plot.high - plot.low) * part / 4
        pen.line((left, y(value), right, y(value)), fill=_LIGHT, width=_SCALE)
        pen.text((left - 6 * _SCALE, y(value)), _number(value, unit), fill=_GREY, font=font, anchor="rm")
    if plot.threshold is not None:
        _dashed(pen, left, right, y(plot.threshold))
    if plot.change_ms is not None:
        pen.line((x(plot.change_ms), top, x(plot.change_ms), bottom), fill=_RED, width=_SCALE)
        side = "la" if x(plot.change_ms) < (left + right) / 2 else "ra"
        gap = 4 * _SCALE if side == "la" else -4 * _SCALE
        pen.text((x(plot.change_ms) + gap, top), "change", fill=_RED, font=font, anchor=side)
    line = [(x(at), y(value)) for at, value in zip(plot.times_ms, plot.values, strict=True)]
    pen.line(line, fill=_LINE, width=2 * _SCALE, joint="curve")
    pen.text((left, 8 * _SCALE), _fitting(pen, plot.title, font, right - left), fill=(0, 0, 0), font=font)
    for at, side in ((plot.times_ms[0], "la"), (plot.times_ms[-1], "ra")):
        pen.text((x(at), bottom + 6 * _SCALE), _moment(at), fill=_GREY, font=font, anchor=side)
    shown = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(64)
    out = io.BytesIO()
    shown.save(out, "PNG", optimize=True)
    return out.getvalue()


def _points(series: Series) -> list[tuple[int, float]]:
    """(start, value) of the windows, in order; what another program may have written wrongly is left out."""
    if series.width_ms <= 0:
        return []
    found: dict[int, float] = {}
    for step, value in zip(series.steps, series.values, strict=False):
        at = series.start_ms + step * series.width_ms
        if 0 <= at < 2**53 and math.isfinite(value) and abs(value) < 1e12:
            found[at] = value
    return sorted(found.items())


def _within(change_ms: int | None, first_ms: int, last_ms: int, width_ms: int) -> int | None:
    """Where the change is marked: at the latest at the last window, in which it may lie."""
    if change_ms is None or not first_ms <= change_ms < last_ms + width_ms:
        return None
    return min(change_ms, last_ms)


def _dashed(pen: Any, left: float, right: float, at: float) -> None:
    step = 8 * _SCALE
    for start in range(int(left), int(right), 2 * step):
        pen.line((start, at, min(start + step, right), at), fill=_RED, width=_SCALE)


def _fitting(pen: Any, text: str, font: Any, room: float) -> str:
    """The text, cut to the room; a font without a character shows a box for it."""
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:200])
    while text and pen.textlength(text, font=font) > room:
        text = text[:-2] + "…" if len(text) > 2 else ""
    return text


def _number(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value * 100:.3g} %"
    return f"{value:.4g}{' ' if unit else ''}{unit}"


def _span(width_ms: int) -> str:
    seconds = width_ms / 1000
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _moment(at_ms: int) -> str:
    try:
        return f"{to_rfc3339(at_ms)[:16].replace('T', ' ')} UTC"
    except ValueError:
        return ""
