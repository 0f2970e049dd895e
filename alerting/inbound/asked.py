"""What a vendor's message asks us to do, and under which id, so that the same message again does nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Protocol

from driftbell.alerting.state.silence import Action, Answer

#: The ids of our commands that come from messages of vendors.
_NAMESPACE = uuid.UUID("5c5d5b5e-6d0a-4a43-9d1c-8f0b6a2f7e11")


@dataclass(frozen=True, slots=True)
class Asked:
    """One command."""

    command_id: str
    action: Action


class Commander(Protocol):
    """Who has commands done: the router's process, whether it leads or stands by."""

    def now_ms(self) -> int:
        """The router's clock, epoch milliseconds."""

    async def command(self, action: Action, command_id: str = "") -> Answer:
        """Have the leader do something, once; see ``driftbell.alerting.api.port.ApiPort.command``."""


class NotUnderstoodError(ValueError):
    """A message is not what its vendor's contract says; the text says what is wrong, and repeats nothing of it."""


def command_id(*parts: str) -> str:
    """The id of what was asked: the same for the same message."""
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))
