"""How loud a delivery is, for vendors that ring a telephone: not every change of an incident may wake somebody."""

from __future__ import annotations

import enum

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.state.records import Kind

#: The decision that nothing has changed for long (``driftbell.alerting.incidents.decision.DecisionReason``).
REPEAT = "repeat_interval_elapsed"
#: The decision that what was given up is tried again.
TRIED_AGAIN = "tried_again"


class Urgency(enum.StrEnum):
    """Why a delivery is made."""

    #: It opens, or has become more severe.
    CALL = "call"
    #: It is open for long, and nothing has changed.
    REMIND = "remind"
    #: Something has changed of which nobody needs to hear now.
    TELL = "tell"
    OVER = "over"


def urgency(delivery: Delivery) -> Urgency:
    """Why this delivery is made."""
    if delivery.kind is Kind.RESOLVE:
        return Urgency.OVER
    if delivery.calls:
        return Urgency.CALL
    return Urgency.REMIND if delivery.notification.reason in (REPEAT, TRIED_AGAIN) else Urgency.TELL
