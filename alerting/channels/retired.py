"""The channel of a destination that is gone from the configuration, built of what is remembered of it, when it is needed."""

from __future__ import annotations

from collections.abc import Callable

from driftbell.alerting.channels.channel import Channel, Rate
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, Retry


class RetiredChannel:
    """Closes what is open. What cannot be closed is refused each time with the reason, and works when that is put right.

    Args:
        build: makes the channel; ``RefusedError`` says why it cannot.
        check: raises ``RefusedError`` when a file or variable leads to another place by now.
    """

    repeatable = True
    in_flight = 1

    def __init__(self, build: Callable[[], Channel], check: Callable[[], None]) -> None:
        self._build = build
        self._check = check
        self._channel: Channel | None = None

    @property
    def rate(self) -> Rate | None:
        """The limit of the vendor, once the channel is built."""
        return None if self._channel is None else self._channel.rate

    async def send(self, delivery: Delivery) -> Outcome:
        """Make one attempt."""
        try:
            self._check()
            if self._channel is None:
                self._channel = self._build()
        except RefusedError as error:
            # No retry: people are told at once, and a close that is refused is tried every hour all the same.
            detail = f"this destination is gone from the configuration, and cannot be reached: {error}"
            return Outcome(OutcomeReason.SECRET_MISSING, Retry.NO, detail=detail)
        return await self._channel.send(delivery)

    async def close(self) -> None:
        """Let go of what the channel opened."""
        if self._channel is not None:
            await self._channel.close()
