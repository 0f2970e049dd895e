"""The offsets that Kafka shows of the group: noted after each save, committed about once a second and before letting go.

They are a progress display for lag tools; the checkpoint is the truth. So what is refused, as is
normal while the group rebalances, is kept for the next time and is no failure.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP

log = logging.getLogger(__name__)

#: A commit that the coordinator does not answer is only a progress display that stands still.
COMMIT_SECONDS = 5.0


class CommitOutcome(enum.StrEnum):
    """What came of a commit."""

    COMMITTED = "committed"
    #: Nothing was saved since the last one.
    NOTHING_NEW = "nothing_new"
    #: Kafka did not take it; the offsets are kept for the next one.
    REFUSED = "refused"


class OffsetCommits:
    """Owns the offsets from the moment they are saved until Kafka has them.

    Args:
        send: commits offsets in the consumer's thread.
    """

    def __init__(self, send: Callable[[Mapping[TP, int]], Awaitable[None]]) -> None:
        self._send = send
        self._saved: dict[TP, int] = {}

    def note(self, offsets: Mapping[TP, int]) -> None:
        """These have been saved: the next commit shows them."""
        self._saved.update(offsets)

    async def commit(self) -> CommitOutcome:
        """Commit what was noted since the last commit."""
        offsets, self._saved = self._saved, {}
        if not offsets:
            return CommitOutcome.NOTHING_NEW
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._send(offsets)
        except (KafkaError, IllegalStateError, TimeoutError, RuntimeError) as error:
            # RuntimeError: the consumer's thread has ended before us, in a crash.
            log.info("Kafka did not take the offsets (%r); the checkpoint is the truth", error)
            self._saved = offsets | self._saved
            return CommitOutcome.REFUSED
        return CommitOutcome.COMMITTED
