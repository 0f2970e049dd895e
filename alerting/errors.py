"""Errors of the router, split by what the caller does about them.

RouterError
├── RefusedError            start-up: exit with the message, which names the fix
│   ├── NewerFormatError    the stored state is of a newer driftbell
│   └── SecretError         a secret is configured and cannot be read
├── DamagedRecordError      leave the one record out, and say so
├── FencedError             another router has taken over: stop sending at once, claim again
├── LostWritesError         the store went back: write the whole state again
└── StoreUnavailableError   wait and try again; nothing was lost, nothing may be sent meanwhile
"""

from __future__ import annotations

import traceback
from pathlib import Path


class RouterError(Exception):
    """Base of the errors that the router raises on purpose."""


class RefusedError(RouterError):
    """Going on would break a promise; the message says what to do."""


class NewerFormatError(RefusedError):
    """The stored state was written by a newer driftbell."""


class DamagedRecordError(RouterError):
    """One stored record cannot be read."""


class SecretError(RefusedError):
    """A secret that the configuration names is not there."""


class FencedError(RouterError):
    """Another router owns the state now: what is in memory must not be saved."""


class LostWritesError(RouterError):
    """The store is of before the last write (a crash or a restored backup): changes alone would not make it whole."""


class StoreUnavailableError(RouterError):
    """The store did not answer, or not as expected."""


def where_raised(error: Exception) -> str:
    """The type of an error and where it was raised, without its text: that may repeat an address with its secret."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {places}"
