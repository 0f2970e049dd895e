"""The port to a channel, and the fallback that all channels share: no message is lost to its content."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from driftbell.alerting.errors import where_raised
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason
from driftbell.schemas import Alert

log = logging.getLogger(__name__)

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a vendor may be sent messages. Channels with the same ``key`` share the budget."""

    key: str
    per_second: float
    burst: int


class Channel(Protocol):
    """Sends to one place. The channel knows the protocol and says whether a retry can help; the outbox decides when.

    ``send`` is called for up to ``in_flight`` deliveries at a time, each of another incident, in the order of each. It must
    not raise for anything a vendor, a network or a message's content does, must end within its timeout, and must not retry
    by itself, with one exception: content that the vendor refuses is sent again at once as the minimal message. It must
    put no secret into its outcome.
    """

    @property
    def repeatable(self) -> bool:
        """Whether the vendor recognises a repeated delivery, so that an attempt of unknown outcome may be repeated freely."""

    @property
    def rate(self) -> Rate | None:
        """How fast the vendor may be sent messages."""

    @property
    def in_flight(self) -> int:
        """How many deliveries, of different incidents, may be on their way at once."""

    async def send(self, delivery: Delivery) -> Outcome:
        """Make one attempt."""

    async def close(self) -> None:
        """Let go of what the channel opened itself; called once, when the router ends."""


@runtime_checkable
class KeepsAlive(Protocol):
    """A channel to a program that takes an alert for over unless it hears of it again."""

    #: How often it must hear.
    keep_seconds: float

    async def keep(self, firing: Callable[[], Sequence[Alert]]) -> Outcome:
        """Say again what fires there.

        ``firing`` is asked when nothing else is on its way, so that what has just been closed is not said to fire.
        """


async def close(channel: Channel, label: str) -> None:
    """Close a channel that is not needed any more. One that raises stops nothing else.

    Args:
        channel: nothing is on its way by it.
        label: of its destination, for the log.
    """
    try:
        await channel.close()
    except Exception as error:
        log.error("channel raised at its end", extra={"destination": label, "error": where_raised(error)})


async def send_or_minimal(
    full: Callable[[], P], minimal: Callable[[], P], attempt: Callable[[P], Awaitable[Outcome]]
) -> Outcome:
    """Send the full message; the minimal one if the full one cannot be rendered or is refused for its content."""
    try:
        payload = full()
    except Exception:  # A template is the user's code: whatever it raises, the message goes out.
        log.exception("message could not be rendered, sending the minimal message")
        return _as_minimal(await attempt(minimal()))
    outcome = await attempt(payload)
    if outcome.reason is not OutcomeReason.CONTENT_REJECTED:
        return outcome
    log.warning("message was refused, sending the minimal message", extra={"detail": outcome.detail})
    return _as_minimal(await attempt(minimal()))


def _as_minimal(outcome: Outcome) -> Outcome:
    if not outcome.ok:
        return outcome
    return Outcome(OutcomeReason.SENT_MINIMAL, handle=outcome.handle)
