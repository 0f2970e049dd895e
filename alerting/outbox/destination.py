"""Destination: one channel of one receiver, as the core knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel of one receiver, as the core knows it."""

    #: ``oncall/pagerduty[0]``.
    id: str
    receiver: str
    send_resolved: bool


def integration_of(destination: str) -> str:
    """The kind of channel: ``pagerduty`` of ``oncall/pagerduty[0]``."""
    return destination.rpartition("/")[2].partition("[")[0]
