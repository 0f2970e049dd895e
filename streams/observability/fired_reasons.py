"""Every reason for which an alert may fire: the values of a metric's label."""

from __future__ import annotations

from typing import Final

from driftbell.streams.monitors.registry import REASONS
from driftbell.streams.partition.crowd import Variants, Versions
from driftbell.streams.partition.own_alerts.left_out import LeftOut
from driftbell.streams.partition.own_alerts.lost_input import LostInput
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.partition.own_alerts.poison_records import PoisonRecords
from driftbell.streams.partition.own_alerts.too_many_models import TooManyModels
from driftbell.streams.partition.own_alerts.wrong_keys import WrongKeys

#: The alerts about driftbell itself that belong to a partition.
OWN_ALERTS: Final[tuple[type[Moments], ...]] = (LostInput, LeftOut, PoisonRecords, WrongKeys, TooManyModels)

#: What monitors say, names for which there is no room, and what a partition says of its own input and state.
FIRED_REASONS: Final[tuple[str, ...]] = (
    *REASONS,
    Versions.reason,
    Variants.reason,
    *(reason for own in OWN_ALERTS for reason in own.reasons),
)
