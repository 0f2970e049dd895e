"""One window: the counters of every family, and when it was and will be published."""

from __future__ import annotations

import math
from typing import Any, Final

from driftbell.streams.encoding import BadStateError, pack, unpack
from driftbell.streams.windows.answers import Answers
from driftbell.streams.windows.families.registry import FAMILIES
from driftbell.streams.windows.families.volume import Volume
from driftbell.streams.windows.family import LabelColumns, MetricFamily, PredictionColumns, Values

#: Version of the packing, first in every window. 2: scores of one class alone (``families.probability``); 1 is read as it is.
FORM: Final = 2


class Window:
    """Counters of one subject from ``start_ms`` for the width of a window."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.revision = 0
        #: Stream time of the last publishing, and of the first change since; None where there is none.
        self.published_ms: int | None = None
        self.changed_ms: int | None = None
        self.volume = Volume()
        self._families: tuple[MetricFamily, ...] = (self.volume, *(family() for family in FAMILIES))

    def on_predictions(self, columns: PredictionColumns, answers: Answers, now_ms: int) -> None:
        """Count predictions made in this window."""
        for family in self._families:
            family.on_predictions(columns, answers)
        self._change(now_ms)

    def on_labels(self, columns: LabelColumns, answers: Answers, now_ms: int) -> None:
        """Count labels of predictions made in this window."""
        for family in self._families:
            family.on_labels(columns, answers)
        self._change(now_ms)

    def values(self, answers: Answers) -> Values:
        """All metrics that are defined and finite."""
        values: Values = {}
        for family in self._families:
            values.update(family.values(answers))
        return {name: value for name, value in values.items() if math.isfinite(value)}

    def seal(self) -> None:
        """The window is over: keep what labels can still change."""
        for family in self._families:
            family.seal()

    def pack(self) -> bytes:
        """As bytes, small if little has happened."""
        families = {family.key: state for family in self._families if (state := family.state()) is not None}
        return pack([FORM, self.start_ms, self.revision, self.published_ms, self.changed_ms, families])

    @classmethod
    def unpack(cls, packed: bytes) -> Window:
        """What ``pack`` has written.

        Raises:
            driftbell.streams.encoding.BadStateError: damaged, or packed by a newer driftbell.
        """
        fields = unpack(packed)
        if not isinstance(fields, list) or len(fields) != 6 or fields[0] not in (1, FORM):
            raise BadStateError("a window is damaged, or was packed by a newer driftbell")
        _, start_ms, revision, published_ms, changed_ms, families = fields
        window = cls(start_ms)
        window.revision, window.published_ms, window.changed_ms = revision, published_ms, changed_ms
        window._restore(families)
        return window

    def _restore(self, families: dict[str, Any]) -> None:
        for family in self._families:
            if family.key in families:
                family.restore(families[family.key])

    def _change(self, now_ms: int) -> None:
        if self.changed_ms is None:
            self.changed_ms = now_ms
