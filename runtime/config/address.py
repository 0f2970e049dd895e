"""Addresses without the secrets that people write into them: ``redis://SECRET@host``, ``redis://host?password=SECRET``."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator

from driftbell.runtime.config.section import HIDDEN

#: Everything up to the last @ before the path, as urllib reads it: also a name alone, as many write Redis' password there.
_LOGIN = re.compile(r"""(?<=://)[^/\s?#"'<>]+@""")

#: Parameters of a query that are secrets: Redis' own, and those of webhooks and token endpoints.
_QUERY = re.compile(
    r"""(?<=[?&;])(pass|password|passwd|passphrase|pwd|auth|sig|signature|(?:[a-z]+_)?(?:token|secret|key)|apikey)"""
    r"""=[^&;\s#"'<>]+""",
    re.IGNORECASE,
)


def hide_secrets(text: str) -> str:
    """The text with the secrets of all addresses in it replaced.

    >>> hide_secrets("redis://SECRET@host:6379/0?password=SECRET&db=1 refused")
    'redis://<secret>@host:6379/0?password=<secret>&db=1 refused'
    """
    if "://" not in text:
        return text
    return _QUERY.sub(rf"\1={HIDDEN}", _LOGIN.sub(f"{HIDDEN}@", text))


def secrets_in(url: str) -> Iterator[str]:
    """The secrets in one address, as they are written and as they are meant; nothing for what is no address."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return
    found = [match[0].partition("=")[2] for match in _QUERY.finditer(url)]
    if parts.password:
        found.append(parts.password)
    elif parts.username and parts.username != "default":
        # "default" is the name of Redis' user without a name, and a word of every other sentence.
        found.append(parts.username)
    for secret in found:
        yield secret
        yield urllib.parse.unquote(secret)
