"""Messages of the router that were given up, by destination, as far as the router keeps them for inspection."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from driftbell.alerting.errors import DamagedRecordError
from driftbell.alerting.state.encoding import decode
from driftbell.alerting.state.records import DeadDelivery
from driftbell.alerting.state.store import CommandBox, Table
from driftbell.alerting.times import clock_time
from driftbell.runtime.printable import printable


class GivenUpThere(msgspec.Struct, frozen=True, kw_only=True):
    """What was given up at one destination. It says nothing of whether the destination works by now."""

    #: Its place in the configuration: ``oncall/pagerduty[0]``.
    destination: str
    #: How many are kept; the router forgets the oldest.
    messages: int
    #: When the latest was given up, epoch milliseconds; its subject, and why.
    at_ms: int
    subject: str
    reason: str
    error: str = ""

    def __str__(self) -> str:
        number = f"{self.messages:,} message{'' if self.messages == 1 else 's'}"
        why = f"{self.reason}: {self.error}" if self.error else self.reason
        latest = printable(f"{self.subject} ({why})")
        return f"{number} to {self.destination} given up, the latest at {clock_time(self.at_ms)}: {latest}"


async def look_for_given_up(box: CommandBox) -> list[GivenUpThere]:
    """What the store of the routers has.

    Raises:
        RouterError: it does not answer, or a newer router wrote it.
    """
    return given_up(await box.look(Table.DEAD))


def given_up(kept: Mapping[str, bytes]) -> list[GivenUpThere]:
    """What the table of a store says, the destination with the latest first."""
    there: dict[str, list[DeadDelivery]] = {}
    for data in kept.values():
        # What is damaged is the router's to tell of.
        with contextlib.suppress(DamagedRecordError):
            letter = decode(data, DeadDelivery)
            there.setdefault(letter.destination, []).append(letter)
    found = []
    for destination, letters in there.items():
        latest = max(letters, key=lambda one: one.at_ms)
        found.append(
            GivenUpThere(
                destination=destination,
                messages=len(letters),
                at_ms=latest.at_ms,
                subject=latest.subject,
                reason=latest.last_reason,
                error=latest.last_error,
            )
        )
    return sorted(found, key=lambda one: (-one.at_ms, one.destination))
