"""Destination: one channel of one receiver, as the core knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel of one receiver, as the core knows it."""

    #: What incidents hang on: kind and digest of the address, or the name in the configuration
    #: (``driftbell.alerting.outbox.identity``). It stays when a receiver is renamed or a list changes its order.
    id: str
    receiver: str
    #: The kind of channel: ``pagerduty``.
    integration: str
    send_resolved: bool = True
    #: For people, in logs, dead letters and messages: ``oncall/pagerduty[0]``. Empty: the id.
    label: str = ""
    #: The id without the number that tells apart what has the same address. Empty: the id.
    address: str = ""
    #: Digest of the settings, without their secrets.
    settings: str = ""
    #: Whether people read there, who are not told of each of thousands of incidents.
    for_people: bool = True
    #: Whether pages of another destination that fails may go here.
    pages: bool = True
    #: No longer in the configuration: it is kept until all that it opened is closed.
    retired: bool = False

    def __post_init__(self) -> None:
        for name in ("label", "address"):
            if not getattr(self, name):
                object.__setattr__(self, name, self.id)
