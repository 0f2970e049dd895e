"""The event contracts: what every topic carries, as typed structs, JSON Schemas and codecs."""

from __future__ import annotations

from driftbell.schemas.alert import MAX_SERIES, Alert, Evidence, FeatureShift, Series, Severity, Status
from driftbell.schemas.bad_record import BadRecord
from driftbell.schemas.cloudevents import alert_headers
from driftbell.schemas.codec import (
    MAX_RECORD_BYTES,
    decode_alert,
    decode_feedback,
    decode_feedbacks,
    decode_metric,
    decode_prediction,
    decode_predictions,
    encode_alert,
    encode_feedback,
    encode_metric,
    encode_prediction,
)
from driftbell.schemas.dead_letter import DeadLetterReason, dead_letter_headers
from driftbell.schemas.feedback import Feedback
from driftbell.schemas.fingerprint import fingerprint
from driftbell.schemas.headers import NO_HEADERS, Headers
from driftbell.schemas.identifier import MAX_IDENTIFIER
from driftbell.schemas.identity import alert_id
from driftbell.schemas.metric import Metric
from driftbell.schemas.prediction import LIVE, FeatureValue, Prediction
from driftbell.schemas.timestamps import to_epoch_ms, to_rfc3339
from driftbell.schemas.trace import traceparent_of
from driftbell.schemas.unknown_fields import UnknownFields

__all__ = [
    "LIVE",
    "MAX_IDENTIFIER",
    "MAX_RECORD_BYTES",
    "MAX_SERIES",
    "NO_HEADERS",
    "Alert",
    "BadRecord",
    "DeadLetterReason",
    "Evidence",
    "FeatureShift",
    "FeatureValue",
    "Feedback",
    "Headers",
    "Metric",
    "Prediction",
    "Series",
    "Severity",
    "Status",
    "UnknownFields",
    "alert_headers",
    "alert_id",
    "dead_letter_headers",
    "decode_alert",
    "decode_feedback",
    "decode_feedbacks",
    "decode_metric",
    "decode_prediction",
    "decode_predictions",
    "encode_alert",
    "encode_feedback",
    "encode_metric",
    "encode_prediction",
    "fingerprint",
    "to_epoch_ms",
    "to_rfc3339",
    "traceparent_of",
]
