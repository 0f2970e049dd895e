"""One hop of a canary: whether it arrived there, when, and what to look at if not. Pure."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from driftbell.canary.arrival import Arrival


class Step(enum.StrEnum):
    """The hops, in order. The value is what ``--json`` shows."""

    #: Only where an earlier canary has left its alert open.
    EARLIER_CLOSED = "earlier_closed"
    PREDICTION_PUBLISHED = "prediction_published"
    PREDICTION_SAVED = "prediction_saved"
    ALERT_PUBLISHED = "alert_published"
    ALERT_READ = "alert_read"
    PAGE_TAKEN = "page_taken"
    RESOLVE_PUBLISHED = "resolve_published"
    CLOSED = "closed"


WORDS: Final = {
    Step.EARLIER_CLOSED: "what an earlier canary left open is closed",
    Step.PREDICTION_PUBLISHED: "prediction is in Kafka",
    Step.PREDICTION_SAVED: "prediction is in a worker's checkpoint",
    Step.ALERT_PUBLISHED: "alert is in Kafka",
    Step.ALERT_READ: "router has read the alert",
    Step.PAGE_TAKEN: "page was taken by",
    Step.RESOLVE_PUBLISHED: "resolve is in Kafka",
    Step.CLOSED: "everything is closed",
}

_KAFKA = "`driftbell topics check`, and `kafka:` in the configuration"
_ROUTER = "/readyz and the log of the router: does it run, does it lead, does it reach Kafka and Redis?"

#: Where people find out why a hop was not reached.
LOOK_AT: Final = {
    Step.EARLIER_CLOSED: "`driftbell why {fingerprint}`",
    Step.PREDICTION_PUBLISHED: _KAFKA,
    Step.PREDICTION_SAVED: "`driftbell status`, `driftbell dlq list`, and the log of the worker that has the partition",
    Step.ALERT_PUBLISHED: _KAFKA,
    Step.ALERT_READ: _ROUTER,
    Step.PAGE_TAKEN: "`driftbell why {fingerprint}`, and the log of the router",
    Step.RESOLVE_PUBLISHED: f"{_KAFKA}. Run the canary again: it closes what this one has left open",
    Step.CLOSED: "`driftbell why {fingerprint}`, and the log of the router",
}


class Hop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one hop.

    Args:
        step: which.
        arrival: ``arrived``, or why not.
        seconds: since the hop before it (pages: since the alert was read).
        destination: of a page, the name of the channel.
        detail: for people.
        look_at: of a hop that was not reached.
    """

    step: Step
    arrival: Arrival
    seconds: float
    destination: str = ""
    detail: str = ""
    look_at: str = ""

    @property
    def arrived(self) -> bool:
        """Whether it was reached."""
        return self.arrival is Arrival.ARRIVED


def hop_of(
    step: Step, arrival: Arrival, seconds: float, fingerprint: str, *, destination: str = "", detail: str = ""
) -> Hop:
    """A hop; one that was not reached says what to look at."""
    look_at = "" if arrival is Arrival.ARRIVED else LOOK_AT[step].format(fingerprint=fingerprint)
    return Hop(
        step=step,
        arrival=arrival,
        seconds=round(seconds, 3),
        destination=destination,
        detail=detail,
        look_at=look_at,
    )
