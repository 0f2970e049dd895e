"""Asking the router, from another process: hand a command in, wait for the answer, look at what is kept."""

from __future__ import annotations

import asyncio
import time

from driftbell.alerting.errors import RouterError
from driftbell.alerting.state.encoding import decode, encode
from driftbell.alerting.state.silence import Answer, Command, Silence
from driftbell.alerting.state.store import CommandBox, Table

#: Seconds between two looks for the answer.
_LOOK_SECONDS = 0.1


class NoLeaderError(RouterError):
    """No router took the command up in time; it was withdrawn, so nothing will come of it."""


async def ask(box: CommandBox, command: Command, *, seconds: float) -> Answer:
    """Have one command done.

    Args:
        box: of the router's store.
        command: what to do. Asking again with the same id is safe.
        seconds: how long to wait for a router to take it up.

    Raises:
        NoLeaderError: none did, and the command was taken back.
        StoreUnavailableError: the store did not answer: the command may or may not be done.
        DamagedRecordError: the answer cannot be read.
    """
    await box.submit(command.id, encode(command))
    for _ in range(2):
        until = time.monotonic() + seconds
        while True:
            answer = await _answer(box, command.id)
            if answer is not None:
                return answer
            if time.monotonic() >= until:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        if await box.withdraw(command.id):
            break
        # A leader has it, and its answer is on the way.
    answer = await _answer(box, command.id)
    if answer is not None:
        return answer
    raise NoLeaderError("no router has taken the command up, and it was taken back")


async def silences(box: CommandBox) -> list[Silence]:
    """All silences that are kept, in no order.

    Raises:
        StoreUnavailableError: no answer.
        NewerFormatError, DamagedRecordError: one cannot be read.
    """
    return [decode(data, Silence) for data in (await box.look(Table.SILENCES)).values()]


async def _answer(box: CommandBox, command_id: str) -> Answer | None:
    found = (await box.look(Table.ANSWERS, command_id)).get(command_id)
    return None if found is None else decode(found, Answer)
