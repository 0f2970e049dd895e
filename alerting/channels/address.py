"""The address of a destination as a digest: the same place has the same, and no secret can be read from it."""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

from driftbell.alerting.channels.kept import taken_apart
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router import ChannelConfig

#: What makes a place another place: texts, and secrets whose value does (a routing key, a webhook's URL).
Address: TypeAlias = tuple[str | SecretSource | None, ...]

#: Hex digits: 48 bits tell the few destinations of a file apart.
_DIGITS = 12


def identity_of(integration: str, settings: ChannelConfig, address: Address) -> str:
    """``pagerduty-3f2a91c07b5d``; ``pagerduty:primary`` where the settings have a name."""
    if settings.name is not None:
        return f"{integration}:{settings.name}"
    return f"{integration}-{_digest([_text(part) for part in address])}"


def settings_digest(settings: ChannelConfig) -> str:
    """The same for the same settings; it knows whether a secret stands in them, and not which."""
    plain, secrets = taken_apart(settings)
    return _digest([plain, sorted(secrets)])


def _text(part: str | SecretSource | None) -> str | None:
    if not isinstance(part, SecretSource):
        return part
    try:
        return _without_password(part.read())
    except SecretError:
        # Where it is not to be read, or went away: the same place in the configuration.
        return f"{part.key}={part.file or part.variable or ''}"


def _without_password(value: str) -> str:
    """A password may be short enough to be guessed from a digest, and may change while the place stays."""
    try:
        parts = urlsplit(value)
        if parts.password is None:
            return value
    except ValueError:
        return value
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGITS]
