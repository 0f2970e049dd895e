"""When to try again, and when to give up."""

from __future__ import annotations

from random import Random

from driftbell.alerting.state.records import Severity

#: Full jitter between 0 and min(cap, base * 2^n) spreads the retries of many after an outage
#: (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
BASE_MS = 1_000
CAP_MS = 300_000

#: A vendor that asks for a longer silence is asked again after this: its clock or ours may be wrong.
RETRY_AFTER_CAP_MS = 3_600_000

#: How long a delivery is tried. A night and a working day for what must wake someone; less for what is stale by then.
GIVE_UP_MS = {
    Severity.CRITICAL: 36 * 3_600_000,
    Severity.ERROR: 24 * 3_600_000,
    Severity.WARNING: 24 * 3_600_000,
    Severity.INFO: 6 * 3_600_000,
}

#: The close of an incident that was opened is tried longer than any message: a message that stays open hides the next one.
GIVE_UP_RESOLVE_MS = 7 * 24 * 3_600_000

#: A close that was refused is tried again after this, and after a success of the same destination, but then not sooner
#: than after the pause.
REFUSED_RETRY_MS = 3_600_000
REFUSED_PAUSE_MS = 60_000

#: How often an attempt is repeated whose outcome is unknown, on a channel where a repeat shows twice. For a critical
#: message a duplicate is better than a miss; for an info message it is not. None: without limit.
UNKNOWN_RETRIES: dict[Severity, int | None] = {
    Severity.CRITICAL: None,
    Severity.ERROR: None,
    Severity.WARNING: 1,
    Severity.INFO: 0,
}


def delay_ms(attempts: int, retry_after_seconds: float | None, random: Random) -> int:
    """Milliseconds until the next attempt, after ``attempts`` (1 or more) failed ones.

    A ``Retry-After`` is a lower bound; a little jitter comes on top, so that not all ask in the same moment.
    """
    # The exponent is bounded because 2**n of a week of attempts is a very long integer.
    jittered = random.uniform(0, _ceiling_ms(attempts))
    if retry_after_seconds is None:
        return round(jittered)
    return round(pause_ms(attempts, retry_after_seconds) + min(jittered, BASE_MS))


def pause_ms(attempts: int, retry_after_seconds: float | None) -> int:
    """Milliseconds for which a destination that asks for silence is left alone, whatever else waits for it."""
    if retry_after_seconds is None:
        return _ceiling_ms(attempts)
    return round(min(RETRY_AFTER_CAP_MS, max(0.0, retry_after_seconds * 1000)))


def _ceiling_ms(attempts: int) -> int:
    return int(min(CAP_MS, BASE_MS * 2 ** min(attempts - 1, 20)))
