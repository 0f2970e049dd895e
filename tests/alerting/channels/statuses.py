"""Every kind of HTTP answer, and what it means where the vendor's contract does not say otherwise."""

from __future__ import annotations

from driftbell.alerting.outbox.outcome import OutcomeReason, Retry

_FINAL = {
    400: OutcomeReason.CONTENT_REJECTED,
    401: OutcomeReason.AUTH_ERROR,
    403: OutcomeReason.AUTH_ERROR,
    404: OutcomeReason.DESTINATION_GONE,
    410: OutcomeReason.DESTINATION_GONE,
    413: OutcomeReason.CONTENT_REJECTED,
    422: OutcomeReason.CONTENT_REJECTED,
}
_OTHER_CLIENT_ERRORS = (
    300,
    301,
    302,
    303,
    307,
    308,
    402,
    405,
    406,
    407,
    409,
    411,
    412,
    414,
    415,
    416,
    417,
    423,
    426,
    428,
    431,
    451,
)
_SERVER_ERRORS = (408, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 530, 599)

#: Status, reason, retry.
ANSWERS = [
    *((status, OutcomeReason.SENT, Retry.NO) for status in (200, 201, 202, 203)),
    *((status, reason, Retry.NO) for status, reason in _FINAL.items()),
    *((status, OutcomeReason.CLIENT_ERROR, Retry.NO) for status in _OTHER_CLIENT_ERRORS),
    *((status, OutcomeReason.SERVER_ERROR, Retry.YES) for status in _SERVER_ERRORS),
    (429, OutcomeReason.RATE_LIMITED, Retry.YES),
]
