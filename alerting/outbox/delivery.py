"""Delivery: what a queue hands to a channel."""

from __future__ import annotations

from dataclasses import dataclass

from driftbell.alerting.state.records import Incident, Kind, Notification


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: what is to be said, about which incident, under which identity."""

    #: The same at every attempt of the same content.
    id: str
    kind: Kind
    notification: Notification
    incident: Incident
    #: The group on this destination; the same for all its incidents, 32 hex digits.
    key: str
