"""Errors of the stream processor, split by what the caller does about them.

    DriftbellError
    ├── RefusedError             start-up or claim: exit with the message, which names the fix
    │   ├── TooManyDeadLettersError
    │   └── StateLostError
    └── StoreUnavailableError    wait and try again; give up after ``worker.checkpoint_patience``

``driftbell.streams.encoding`` has its own (``BadStateError``, ``NewerFormatError``).
"""

from __future__ import annotations


class DriftbellError(Exception):
    """Base of the errors that driftbell raises on purpose."""


class RefusedError(DriftbellError):
    """Going on would break a promise; the message says what to do."""


class TooManyDeadLettersError(RefusedError):
    """Nothing but bad records: more likely a wrong topic or format than bad luck."""


class StateLostError(RefusedError):
    """Kafka says that the group has committed, and the store holds nothing."""


class StoreUnavailableError(DriftbellError):
    """The checkpoint store did not answer, or not as expected."""
