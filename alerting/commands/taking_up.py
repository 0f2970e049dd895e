"""The leader's side of the command box."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from driftbell.alerting.errors import DamagedRecordError, NewerFormatError, RouterError
from driftbell.alerting.muting.silence_rules import SilenceReason
from driftbell.alerting.state.encoding import decode
from driftbell.alerting.state.silence import Answer, Command
from driftbell.alerting.state.state import Draft
from driftbell.alerting.state.store import CommandBox

log = logging.getLogger(__name__)

T = TypeVar("T")

_UNREADABLE = "the command cannot be read: is the router older than the command line that wrote it?"


class Changes(Protocol):
    """What may change the state: the router."""

    async def change(self, change: Callable[[Draft, int], T]) -> T:
        """Make one change in one write."""

    async def command(self, command: Command) -> Answer:
        """Do what somebody asks for, once, in one write with its answer."""


async def take_up(box: CommandBox, router: Changes) -> list[Answer]:
    """Do what waits in the box, each command in one write with its answer, and take it out.

    What is no command is refused with an answer of its own, and goes too.

    Raises:
        FencedError, StoreUnavailableError: see the store; what was not taken out waits.
    """
    answers = []
    for command_id, data in sorted((await box.commands()).items()):
        command = _read(command_id, data)
        answers.append(await _do(router, command_id, command))
        await box.withdraw(command_id)
    for answer in answers:
        log.info(
            "command",
            extra={
                "command": answer.id,
                "result": answer.reason,
                "silence": answer.silence_id,
                "alerts": list(answer.alerts),
                "error": answer.error,
            },
        )
    return answers


async def _do(router: Changes, command_id: str, command: Command | str) -> Answer:
    try:
        if isinstance(command, Command):
            return await router.command(command)
        return await router.change(partial(_refuse, command, _UNREADABLE))
    except RouterError:
        raise
    except Exception:
        # A command must not stop the router, nor come back after its restart.
        log.exception("a command failed", extra={"command": command_id})
        return await router.change(partial(_refuse, command_id, "the router failed at it; its log says how"))


def _read(command_id: str, data: bytes) -> Command | str:
    try:
        command = decode(data, Command)
    except (DamagedRecordError, NewerFormatError) as error:
        log.error("a command cannot be read", extra={"command": command_id, "error": str(error)})
        return command_id
    return command if command.id == command_id else command_id


def _refuse(command_id: str, error: str, draft: Draft, now_ms: int) -> Answer:
    answer = Answer(id=command_id, at_ms=now_ms, reason=SilenceReason.INVALID.value, error=error)
    draft.answers[command_id] = answer
    return answer
