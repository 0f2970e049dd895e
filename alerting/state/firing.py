"""The alerts that fire: what inhibition looks at, at every flush."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from driftbell.alerting.state.records import Entry
from driftbell.schemas import Alert


class FiringAlerts:
    """All alerts that fire, of any group, in the order in which they began to.

    ``version`` changes whenever another alert fires or one is over, so that an index knows when it is out of date.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.version = 0
        self._alerts: dict[str, Alert] = {}
        for entry in entries:
            self.note(entry.fingerprint, entry)

    @property
    def by_fingerprint(self) -> Mapping[str, Alert]:
        """The alerts by fingerprint; to be read only."""
        return self._alerts

    def note(self, fingerprint: str, entry: Entry | None) -> None:
        """An entry is new, has changed, or is gone."""
        alert = None if entry is None else entry.alert
        if alert is None or alert.status != "firing":
            if self._alerts.pop(fingerprint, None) is not None:
                self.version += 1
            return
        if fingerprint not in self._alerts:
            self.version += 1
        self._alerts[fingerprint] = alert

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())
