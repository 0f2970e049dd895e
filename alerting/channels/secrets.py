"""Secrets of the configuration: given inline, in a file, or in an environment variable; never shown."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.router import Global
from driftbell.runtime.config.section import HIDDEN, Section


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


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced. The last line of defence: texts should not have them in the first place."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text


def fingerprint(secret: str) -> str:
    """A name for a secret that does not tell it: what shares a secret shares a rate limit."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
