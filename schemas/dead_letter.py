"""The dead letter: a record that could not be used, kept whole with its reason."""

from __future__ import annotations

import enum

#: Prefix of every header driftbell adds to a dead letter; the words after it are Kafka Connect's.
HEADER_PREFIX = "dlq."


class DeadLetterReason(enum.StrEnum):
    """Why a record went to ``<topic>.DLQ``. The value is the header, the log field and the metric label."""

    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    NOT_FINITE = "not_finite"
    TOO_LARGE = "too_large"
    REGISTRY_FRAMED = "registry_framed"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    EMPTY_IDENTIFIER = "empty_identifier"
    TOO_MANY_MODELS = "too_many_models"
