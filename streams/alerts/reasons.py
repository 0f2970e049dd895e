"""Named reasons of what the stream processor decides about alerts and finds out about its inputs."""

from __future__ import annotations

import enum


class Transition(enum.StrEnum):
    """Why an alert changed. The value is the alert's ``reason``, the log field and the metric label."""

    #: The condition is there, and must hold for some time before it fires.
    PENDING = "pending"
    #: It fires, for the first time that is remembered.
    FIRED = "fired"
    #: It fires, and it has fired before.
    REFIRED = "refired"
    #: It went away before it fired.
    CANCELLED = "cancelled"
    #: It fired, and all has been well for the time that was asked for.
    RECOVERED = "recovered"
    #: Its version, variant or model is no longer watched.
    RETIRED = "retired"


class Loss(enum.StrEnum):
    """Why input was gone before it was read. The value is the metric label and the reason of the alert."""

    #: Deleted by the topic's retention.
    RETENTION = "retention"
    #: The topic is another one, or ends before what was read of it: deleted and created again.
    TOPIC_RECREATED = "topic_recreated"
    #: The topic is the same, and its log ended before what was read of it when it got its present leader.
    TAIL_LOST = "tail_lost"
