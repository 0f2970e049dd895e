"""Says again, and again, what fires on a destination that would take it for over otherwise (an Alertmanager)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from driftbell.alerting.channels.channel import KeepsAlive
from driftbell.alerting.errors import StoreUnavailableError, where_raised
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed
from driftbell.schemas import Alert

log = logging.getLogger(__name__)


class Keeper:
    """One destination's repetitions. They change nothing in the state: what is open there stays open.

    Args:
        destination: its id, for the log.
        channel: says it.
        firing: what was opened there and is not over.
        confirm: makes sure that the state is still ours, right before each repetition; raises what it raises if it is not.
    """

    def __init__(
        self,
        destination: str,
        channel: KeepsAlive,
        firing: Callable[[], Sequence[Alert]],
        confirm: Callable[[], Awaitable[None]],
    ) -> None:
        self.destination = destination
        self._confirm = confirm
        self._channel = channel
        self._firing = firing
        self._well = True

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set.

        Raises:
            FencedError: another router owns the state, and speaks for the destination.
        """
        while not stop.is_set():
            await self.step()
            try:
                async with asyncio.timeout(self._channel.keep_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def step(self) -> None:
        """Say once what fires; nothing while nobody knows whether the state is ours."""
        try:
            await self._confirm()
        except StoreUnavailableError as error:
            log.debug("store unavailable, nothing is said again", extra={"error": str(error)})
            return
        outcome = await self._say()
        if outcome.ok != self._well:
            self._well = outcome.ok
            if outcome.ok:
                log.info("repetitions are taken again", extra={"destination": self.destination})
            else:
                fields = {"destination": self.destination, "outcome": outcome.reason.value, "detail": outcome.detail}
                log.warning("repetitions are not taken", extra=fields)

    async def _say(self) -> Outcome:
        try:
            return await self._channel.keep(self._firing)
        except Exception as error:  # A channel must not raise; if it does, the router goes on, and says it again.
            # Without the error's own text, which may repeat an address with its secret.
            return failed(OutcomeReason.CHANNEL_BUG, where_raised(error))
