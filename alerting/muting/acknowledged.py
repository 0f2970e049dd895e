"""The muter of acknowledgements: what somebody has taken on calls nobody else, until it is over or a snooze ends."""

from __future__ import annotations

from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.schemas import Alert


class Acknowledger:
    """An incident that is open stays open, without repeats; one that is not is not opened."""

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        """Held back while an acknowledgement holds; the end of a snooze is when that may change."""
        found = context.acknowledgement(alert.fingerprint)
        if found is None or not found.holds(context.now_ms):
            return MuteAnswer()
        return MuteAnswer(Muting(MuteKind.ACKNOWLEDGED, (found.by or "somebody",)), changes_ms=found.until_ms or None)
