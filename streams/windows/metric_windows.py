"""The windows of one subject: which are kept, and when each is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from driftbell.runtime.config.model import Monitoring
from driftbell.schemas import MAX_SERIES, Metric, Series, to_rfc3339
from driftbell.streams.agreement import Task
from driftbell.streams.batch import JoinedBatch, PredictionBatch
from driftbell.streams.subject import Subject
from driftbell.streams.versioned import Versioned
from driftbell.streams.windows.answers import Answers, AnswersState
from driftbell.streams.windows.columns import label_columns, prediction_columns
from driftbell.streams.windows.quantity import quantity
from driftbell.streams.windows.uncounted import Uncounted
from driftbell.streams.windows.window import Window

#: Windows kept for labels, of those that have predictions. One takes 50 bytes (quiet) to a kilobyte (busy, with scores
#: and labels), and all are part of the model's checkpoint.
MOST_WINDOWS: Final = 120
#: Of these, windows that are unpacked: the current one and a few that labels are coming for.
_MOST_OPEN: Final = 12
#: How long after its end a window is first published, and after a change again: a quarter of its width, within these.
_SHORTEST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 30_000
#: A window is published again at most once in this part of its age, so that labels over weeks make tens of revisions.
_AGE_PART: Final = 8


class MetricWindowsState(Versioned, frozen=True):
    """All windows in their packed form, and when which is to be published; times and widths in ms."""

    width: int
    answers: AnswersState
    open: list[bytes]
    #: (start, window).
    packed: list[tuple[int, bytes]]
    #: (start, due).
    due: list[tuple[int, int]]
    closing: list[Metric]
    closed: int
    uncounted: dict[Uncounted, int]


class MetricWindows:
    """Tumbling windows of the time at which predictions were made, aligned to the epoch.

    ``collect`` returns windows that are over, once soon after their end, and again with a higher revision when labels (or
    late predictions) changed them. When a labelled window is no longer kept, its last
    record says ``provisional=False``.
    """

    def __init__(self, subject: Subject, settings: Monitoring) -> None:
        self.subject = subject
        self._width_ms = max(1, round(settings.metrics_window * 1000))
        self._wait_ms = min(max(self._width_ms // 4, _SHORTEST_WAIT_MS), _LONGEST_WAIT_MS)
        self._answers = Answers(settings)
        #: By start: windows in use, least recently used first, and packed ones, which is what most cost in memory.
        self._open: dict[int, Window] = {}
        self._packed: dict[int, bytes] = {}
        #: When windows that changed are to be published, by start.
        self._due: dict[int, int] = {}
        self._closing: list[Metric] = []
        #: Windows that start before this are no longer kept.
        self._closed_ms = 0
        self._uncounted: Counter[Uncounted] = Counter()

    @property
    def uncounted(self) -> Mapping[Uncounted, int]:
        """Events that are in no window, by reason."""
        return self._uncounted

    def on_predictions(self, batch: PredictionBatch) -> None:
        """Count predictions in the windows in which they were made."""
        self._answers.learn([value for value in batch.predictions if value is not None])
        for start, columns in prediction_columns(batch, self._width_ms):
            window = self._window(start) or self._begin(start, batch.now_ms)
            if window is None:
                self._uncounted[Uncounted.PREDICTION_TOO_OLD] += len(columns)
                continue
            window.on_predictions(columns, self._answers, batch.now_ms)
            self._schedule(window)
        self._pack()

    def on_labels(self, batch: JoinedBatch) -> None:
        """Count labels in the windows in which their predictions were made."""
        self._answers.learn([event.label for event in batch.events])
        for start, columns in label_columns(batch.events, self._width_ms):
            window = self._window(start)
            if window is None:
                self._uncounted[Uncounted.LABEL_TOO_LATE] += columns.firsts
                continue
            self._uncounted += columns.uncounted
            if self._answers.task is Task.REGRESSION and columns.not_numbers:
                self._uncounted[Uncounted.LABEL_NOT_A_NUMBER] += columns.not_numbers
            window.on_labels(columns, self._answers, batch.now_ms)
            self._schedule(window)
        self._pack()

    def collect(self, now_ms: int) -> list[Metric]:
        """The windows to publish now, oldest first."""
        metrics, self._closing = self._closing, []
        for start in sorted(start for start, due in self._due.items() if due <= now_ms):
            window = self._window(start)
            assert window is not None, "only kept windows are due"
            metrics.append(self._publish(window, now_ms, provisional=True))
        self._pack()
        return metrics

    def close(self, now_ms: int) -> list[Metric]:
        """The subject is no longer watched: everything that has not been published, for good."""
        for start in sorted([*self._open, *self._packed]):
            self._close(start, now_ms)
        metrics, self._closing = self._closing, []
        return metrics

    def series(self, metric: str) -> Series | None:
        """How a quantity of an alert went in the windows that are kept; None where they do not have it.

        Nothing changes by asking: windows that are packed are looked at, and stay packed.
        """
        found: dict[int, float] = {}
        for start in [*self._open, *self._packed]:
            window = self._open.get(start) or Window.unpack(self._packed[start])
            value = quantity(metric, window.values(self._answers))
            if value is not None:
                found[start] = value
        starts = sorted(found)[-MAX_SERIES:]
        if not starts:
            return None
        return Series(
            start_ms=starts[0],
            width_ms=self._width_ms,
            steps=[(start - starts[0]) // self._width_ms for start in starts],
            values=[found[start] for start in starts],
        )

    def due_ms(self) -> int | None:
        """The stream time at which ``collect`` next returns something."""
        return 0 if self._closing else min(self._due.values(), default=None)

    def state(self) -> MetricWindowsState:
        """Everything needed to continue, copied."""
        return MetricWindowsState(
            width=self._width_ms,
            answers=self._answers.state(),
            open=[window.pack() for window in self._open.values()],
            packed=list(self._packed.items()),
            due=list(self._due.items()),
            closing=list(self._closing),
            closed=self._closed_ms,
            uncounted=dict(self._uncounted),
        )

    def restore(self, state: object) -> None:
        """Continue from ``state``. Windows of another width are forgotten: their ends are not known any more."""
        saved = MetricWindowsState.read(state)
        self._answers.restore(saved.answers)
        self._uncounted = Counter(saved.uncounted)
        self._closing = list(saved.closing)
        if saved.width != self._width_ms:
            return
        windows = [Window.unpack(packed) for packed in saved.open]
        self._open = {window.start_ms: window for window in windows}
        self._packed = dict(saved.packed)
        self._due = dict(saved.due)
        self._closed_ms = saved.closed

    def _window(self, start: int) -> Window | None:
        window = self._open.pop(start, None)
        if window is None and (packed := self._packed.pop(start, None)) is not None:
            window = Window.unpack(packed)
        if window is not None:
            self._open[start] = window
        return window

    def _begin(self, start: int, now_ms: int) -> Window | None:
        if start < self._closed_ms:
            return None
        self._open[start] = Window(start)
        if len(self._open) + len(self._packed) > MOST_WINDOWS:
            self._close(min(*self._open, *self._packed), now_ms)
        return self._open.get(start)

    def _close(self, start: int, now_ms: int) -> None:
        window = self._window(start)
        if window is not None and (window.changed_ms is not None or window.volume.labelled):
            self._closing.append(self._publish(window, now_ms, provisional=False))
        self._open.pop(start, None)
        self._closed_ms = start + self._width_ms

    def _pack(self) -> None:
        while len(self._open) > _MOST_OPEN:
            start = next(iter(self._open))
            self._packed[start] = self._open.pop(start).pack()

    def _publish(self, window: Window, now_ms: int, *, provisional: bool) -> Metric:
        window.revision += 1
        window.published_ms, window.changed_ms = now_ms, None
        window.seal()
        self._due.pop(window.start_ms, None)
        return Metric(
            model=self.subject.model,
            version=self.subject.version,
            variant=self.subject.variant,
            window_start=to_rfc3339(window.start_ms),
            window_end=to_rfc3339(window.start_ms + self._width_ms),
            revision=window.revision,
            predictions=window.volume.count,
            labels=window.volume.labelled,
            values=window.values(self._answers),
            provisional=provisional,
            uncounted={reason.value: count for reason, count in sorted(self._uncounted.items())},
        )

    def _schedule(self, window: Window) -> None:
        if window.changed_ms is None or window.start_ms in self._due:
            return
        end = window.start_ms + self._width_ms
        if window.published_ms is None:
            due = end + self._wait_ms
        else:
            pause = max(self._width_ms, (window.published_ms - end) // _AGE_PART)
            due = max(window.changed_ms + self._wait_ms, window.published_ms + pause)
        self._due[window.start_ms] = due
