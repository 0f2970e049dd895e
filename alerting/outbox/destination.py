"""Destination: one channel of one receiver, as the core knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel of one receiver, as the core knows it."""

    #: ``oncall/pagerduty[0]``.
    id: str
    receiver: str
    #: The kind of channel: ``pagerduty``.
    integration: str
    send_resolved: bool = True
