"""What a channel answers: what happened, and whether trying again can help. When to try again is not its business."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class OutcomeReason(enum.StrEnum):
    """What happened to an attempt. The value is the log field, the metric label and what tests assert."""

    SENT = "sent"
    #: Sent as the built-in minimal message, because the full one could not be rendered or was refused.
    SENT_MINIMAL = "sent_minimal"
    #: The vendor refuses the content, the minimal message too.
    CONTENT_REJECTED = "content_rejected"
    #: Key, token, password or webhook are not (or no longer) valid.
    AUTH_ERROR = "auth_error"
    #: The channel, mailbox or webhook does not exist (any more).
    DESTINATION_GONE = "destination_gone"
    #: Any other answer that says the request itself is wrong.
    CLIENT_ERROR = "client_error"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    #: Nothing was sent: name not resolved, connection refused, TLS failed.
    CONNECTION_FAILED = "connection_failed"
    #: The request was written, or may have been, and no whole answer came.
    NO_ANSWER = "no_answer"
    #: A secret could not be read.
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a reason, not a secret
    #: The router was killed between sending and noting the result.
    INTERRUPTED = "interrupted"
    #: The channel raised what it should not have raised.
    CHANNEL_BUG = "channel_bug"


class Retry(enum.StrEnum):
    """Whether another attempt can help."""

    NO = "no"
    YES = "yes"
    #: It may have arrived: another attempt may make it arrive twice.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt.

    ``detail`` is for people and carries no secret. ``handle`` is what the channel wants to be given at the next
    delivery of the same incident; None leaves it as it is.
    """

    reason: OutcomeReason
    retry: Retry = Retry.NO
    retry_after_seconds: float | None = None
    detail: str = ""
    handle: dict[str, str] | None = field(default=None)

    @property
    def ok(self) -> bool:
        """Whether the channel has taken the delivery."""
        return self.reason in (OutcomeReason.SENT, OutcomeReason.SENT_MINIMAL)


def sent(handle: dict[str, str] | None = None, *, minimal: bool = False) -> Outcome:
    """The channel took it."""
    return Outcome(OutcomeReason.SENT_MINIMAL if minimal else OutcomeReason.SENT, handle=handle)


def failed(reason: OutcomeReason, detail: str, *, retry_after_seconds: float | None = None) -> Outcome:
    """The channel did not take it; the reason says whether another attempt can help."""
    return Outcome(reason, RETRY[reason], retry_after_seconds, detail)


#: The rule of every channel: which failures pass.
RETRY = {
    OutcomeReason.CONTENT_REJECTED: Retry.NO,
    OutcomeReason.AUTH_ERROR: Retry.NO,
    OutcomeReason.DESTINATION_GONE: Retry.NO,
    OutcomeReason.CLIENT_ERROR: Retry.NO,
    OutcomeReason.RATE_LIMITED: Retry.YES,
    OutcomeReason.SERVER_ERROR: Retry.YES,
    OutcomeReason.CONNECTION_FAILED: Retry.YES,
    OutcomeReason.NO_ANSWER: Retry.UNKNOWN,
    OutcomeReason.SECRET_MISSING: Retry.YES,
    OutcomeReason.INTERRUPTED: Retry.UNKNOWN,
    OutcomeReason.CHANNEL_BUG: Retry.YES,
}
