"""Secrets of the configuration: given inline, in a file, or in an environment variable; never shown."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router import Global
from driftbell.runtime.config.rules import BadSetting
from driftbell.runtime.config.section import HIDDEN, Section

#: Characters of the shortest part of a URL that is taken for a secret.
_SHORTEST = 5


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from. Files and variables are read at every use: a rotated secret works at once."""

    name: str
    value: str | None = field(default=None, repr=False)
    file: str | None = None
    variable: str | None = None
    #: Whether it stands under ``global`` and not with the channel.
    is_global: bool = False

    @property
    def key(self) -> str:
        """The key that gives it: ``api_url``, ``api_url_file`` or ``api_url_env``."""
        return self.name + ("" if self.value is not None else "_file" if self.file is not None else "_env")

    def read(self) -> str:
        """The secret.

        Raises:
            SecretError: the file cannot be read, the variable is not set, or it is empty.
        """
        if self.value is not None:
            # As it stands: a secret may begin or end with a blank.
            found, missing = self.value, "the value is empty"
        elif self.file is not None:
            missing = f"the file {self.file} is empty"
            try:
                found = Path(self.file).read_text("utf-8").strip()
            except FileNotFoundError:
                raise SecretError(f"there is no file {self.file}") from None
            except (OSError, UnicodeError) as error:
                raise SecretError(f"{self.file} cannot be read ({type(error).__name__})") from None
        else:
            variable = self.variable or ""
            found = os.environ.get(variable, "").strip()
            missing = f"the environment variable {variable} is {'empty' if variable in os.environ else 'not set'}"
        if not found.strip():
            raise SecretError(missing)
        return found


def secret_of(section: Section, name: str) -> SecretSource | None:
    """The secret ``name`` of a section in whichever of its three forms it is given; None if in none."""
    value, file, variable = (getattr(section, name + form) for form in ("", "_file", "_env"))
    if value is None and file is None and variable is None:
        return None
    return SecretSource(name, value, file, variable, is_global=isinstance(section, Global))


def unreadable(section: Section, name: str, where: str, called: str = "secret") -> Iterator[BadSetting]:
    """Why a secret that is given cannot be read; ``where`` is the key of its section in the router's settings."""
    secret = secret_of(section, name)
    if secret is None:
        return
    try:
        secret.read()
    except SecretError as error:
        yield BadSetting((where, secret.key), str(error), f"correct it, or put the {called} there")


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced, and every part of one that would do: servers repeat what they were asked.

    The last line of defence: texts should not have them in the first place.
    """
    pattern = _pattern(tuple(secrets))
    return text if pattern is None else pattern.sub(HIDDEN, text)


@functools.lru_cache(maxsize=256)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
    # The longest first, so that nothing is left of a whole whose part is found before it.
    found = sorted((re.escape(form) for form in forms if form), key=len, reverse=True)
    return re.compile("|".join(found), re.IGNORECASE) if found else None


def _parts(secret: str) -> Iterator[str]:
    """The secret, and what of it opens the door alone: of a URL everything but scheme, host and port."""
    yield secret
    try:
        parts = urlsplit(secret)
        user, password = parts.username, parts.password
    except ValueError:
        return
    if not parts.netloc or not parts.scheme:
        return
    userinfo = parts.netloc.rpartition("@")[0]
    if userinfo:
        yield userinfo
        yield base64.b64encode(unquote(userinfo).encode()).decode()
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    pieces = [target, parts.path, parts.query, parts.fragment, *parts.path.split("/"), *re.split("[&;]", parts.query)]
    pieces += [value for _, value in parse_qsl(parts.query)]
    if len(parts.path) - 1 > _SHORTEST:
        yield parts.path.lstrip("/")
    for piece in (user or "", password or "", *pieces):
        # Shorter ones are words such as "hook", and a text without them would say nothing.
        if len(piece) >= _SHORTEST:
            yield piece


def _forms(part: str) -> Iterator[str]:
    """A text as it stands, and as an answer in a URL, JSON or HTML repeats it."""
    plain = unquote(part)
    for text in (part, plain):
        yield text
        yield text.replace("/", "\\/")
        yield html.escape(text)
        yield quote(text)
        yield quote(text, safe="")
    yield base64.b64encode(plain.encode()).decode()


def fingerprint(secret: str) -> str:
    """A name for a secret that does not tell it: what shares a secret shares a rate limit."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
