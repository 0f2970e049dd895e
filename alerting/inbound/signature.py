"""Who sent this: the signatures of Slack and PagerDuty, compared in constant time, and what is too old.

Contracts: docs.slack.dev/authentication/verifying-requests-from-slack (version v0, five minutes);
developer.pagerduty.com/docs/verifying-webhook-signatures (v1, several while a secret is rotated).
"""

from __future__ import annotations

import enum
import hashlib
import hmac

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import SecretError

#: How far the time of a request of Slack's may lie from ours, seconds.
SLACK_SECONDS = 300

#: More signatures than a rotation has; the rest is not looked at.
_MOST_SIGNATURES = 10


class SignatureReason(enum.StrEnum):
    """Whether a request is believed. The value is the log field and what tests assert."""

    VALID = "valid"
    MISSING = "signature_missing"
    WRONG = "signature_wrong"
    #: Signed too long ago, or for a time to come: a replay, or a clock that is wrong.
    STALE = "timestamp_too_old"
    #: The secret to compare with cannot be read.
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a reason, not a secret


def of_slack(secret: SecretSource, body: bytes, timestamp: str, signature: str, now_seconds: float) -> SignatureReason:
    """Judge the headers ``X-Slack-Request-Timestamp`` and ``X-Slack-Signature``."""
    if not timestamp or not signature:
        return SignatureReason.MISSING
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return SignatureReason.WRONG
    if abs(now_seconds - int(timestamp)) > SLACK_SECONDS:
        return SignatureReason.STALE
    return _judge(secret, b"v0:" + timestamp.encode() + b":" + body, "v0", [signature])


def of_pagerduty(secret: SecretSource, body: bytes, signatures: str) -> SignatureReason:
    """Judge the header ``X-PagerDuty-Signature``: one that is right is enough."""
    if not signatures:
        return SignatureReason.MISSING
    return _judge(secret, body, "v1", [one.strip() for one in signatures.split(",")[:_MOST_SIGNATURES]])


def _judge(secret: SecretSource, signed: bytes, version: str, given: list[str]) -> SignatureReason:
    try:
        # A file may hold several, one a line: the old one is right until all is rotated.
        secrets = secret.read().split()
    except SecretError:
        return SignatureReason.SECRET_MISSING
    wanted = [f"{version}={hmac.new(one.encode(), signed, hashlib.sha256).hexdigest()}".encode() for one in secrets]
    found = False
    for right in wanted:
        for one in given:
            found |= hmac.compare_digest(right, one.encode("utf-8", "surrogateescape"))
    return SignatureReason.VALID if found else SignatureReason.WRONG
