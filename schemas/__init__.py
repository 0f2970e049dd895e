"""The event contracts: what every topic carries, as typed structs, JSON Schemas and codecs."""

from __future__ import annotations

from schemas.alert import Alert, Evidence, FeatureShift, Origin, Severity, Status
from schemas.dead_letter import DeadLetterReason
from schemas.feedback import Feedback
from schemas.metric import Metric
from schemas.prediction import LIVE, FeatureValue, Prediction

__all__ = [
    "LIVE",
    "Alert",
    "DeadLetterReason",
    "Evidence",
    "FeatureShift",
    "FeatureValue",
    "Feedback",
    "Metric",
    "Origin",
    "Prediction",
    "Severity",
    "Status",
]
