"""Flapping: an alert that opens and closes again and again is one page, which says so and stays open until it is quiet.

It flaps when it has begun to fire more than ``opens`` times within ``window``. From then on, when it is over, it is shown as
firing for ``quiet`` longer; if it fires again before that, its incident is open already and nobody is called for it. If it
neither begins nor ends for ``quiet``, it flaps no more. What it does meanwhile is in the state and in the log all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from driftbell.alerting.state.records import Entry, Flapping
from driftbell.alerting.state.state import Draft
from driftbell.schemas import Alert


@dataclass(frozen=True, slots=True)
class FlappingRule:
    """When an alert flaps.

    Args:
        opens: that many times within ``window_ms`` are still pages of their own; 0: nothing is damped.
        window_ms: the time that is looked back.
        quiet_ms: for how long it must neither begin nor end.
    """

    opens: int = 0
    window_ms: int = 3_600_000
    quiet_ms: int = 900_000

    def fired(self, entry: Entry, at_ms: int) -> None:
        """It begins to fire. A new episode is nobody's, but for one of an incident that is kept open."""
        kept_open = at_ms < entry.kept_until_ms
        entry.kept_until_ms = 0
        if not kept_open:
            entry.acknowledgement, entry.flapping = None, None
        if not self.opens:
            return
        recent = [one for one in entry.fires if one > at_ms - self.window_ms]
        entry.fires = (*recent, at_ms)[-self.opens - 1 :]
        if len(entry.fires) > self.opens:
            entry.flapping = Flapping(opens=self.opens, window_ms=self.window_ms, quiet_ms=self.quiet_ms)

    def ended(self, entry: Entry, at_ms: int) -> None:
        """It is over."""
        begun_ms = entry.fires[-1] if entry.fires else 0
        if entry.flapping is None or not self.opens or at_ms - begun_ms >= self.quiet_ms:
            entry.flapping, entry.kept_until_ms = None, 0
        else:
            entry.kept_until_ms = at_ms + self.quiet_ms


#: Nothing is damped, as in Alertmanager.
NO_DAMPING: Final = FlappingRule()


def shown(entry: Entry | None, now_ms: int) -> Alert | None:
    """An alert as people see it: one that is kept open fires."""
    alert = None if entry is None else entry.alert
    if entry is None or alert is None or alert.status != "resolved" or entry.kept_until_ms <= now_ms:
        return alert
    return msgspec.structs.replace(alert, status="firing", endsAt=None)


def shown_of(draft: Draft, fingerprints: Iterable[str], now_ms: int) -> dict[str, Alert]:
    """``shown``, of several, without those of which nothing is known any more."""
    found = {fingerprint: shown(draft.entry_to_read(fingerprint), now_ms) for fingerprint in fingerprints}
    return {fingerprint: alert for fingerprint, alert in found.items() if alert is not None}


def quiet_ms(draft: Draft, fingerprints: Iterable[str], now_ms: int) -> Iterable[int]:
    """When alerts that are kept open are over, if they do not fire before."""
    entries = (draft.entry_to_read(fingerprint) for fingerprint in fingerprints)
    return (entry.kept_until_ms for entry in entries if entry is not None and entry.kept_until_ms > now_ms)


def flapping_of(draft: Draft, fingerprints: Iterable[str]) -> dict[str, Flapping]:
    """Those that flap."""
    entries = ((fingerprint, draft.entry_to_read(fingerprint)) for fingerprint in fingerprints)
    return {name: entry.flapping for name, entry in entries if entry is not None and entry.flapping is not None}
