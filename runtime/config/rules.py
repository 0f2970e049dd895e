"""Rules that the settings of channels share with the rest of the router's configuration, and how a mistake is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.nearest import nearest
from driftbell.runtime.config.section import Section

#: A secret is given inline, in a file, or in an environment variable: the suffixes of its three keys.
SECRET_FORMS = ("", "_file", "_env")


@dataclass(frozen=True, slots=True)
class BadSetting:
    """One thing that is wrong: where (keys and indices below the section checked), what, and what to do about it."""

    path: Path
    message: str
    fix: str

    def below(self, path: Path) -> BadSetting:
        """The same mistake as seen from an enclosing section."""
        return BadSetting((*path, *self.path), self.message, self.fix)

    def __str__(self) -> str:
        place = "router"
        for step in self.path:
            place += f"[{step}]" if isinstance(step, int) else f".{step}"
        return f"{place}: {self.message}; {self.fix}"


def instead_of(name: str, known: Iterable[str], define: str) -> str:
    """What to do about a name that is not defined.

    Args:
        name: as it was written.
        known: what is defined.
        define: what to do where nothing is.
    """
    names = sorted(known)
    if meant := nearest(name, names):
        return f"did you mean {meant}?"
    return f"use one of: {', '.join(names)}" if names else define


def is_given(section: Section, secret: str) -> bool:
    """Whether a secret is given in one of its forms."""
    return any(getattr(section, secret + form) is not None for form in SECRET_FORMS)


def one_form(section: Section, secrets: Sequence[str], path: Path = ()) -> Iterator[BadSetting]:
    """A secret must be given in one form only."""
    for secret in secrets:
        given = [secret + form for form in SECRET_FORMS if getattr(section, secret + form) is not None]
        if len(given) > 1:
            yield BadSetting((*path, given[1]), f"{' and '.join(given)} are given", "keep one of them")


def http_url(url: str | None, path: Path) -> Iterator[BadSetting]:
    """A web address must have a scheme and a host."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    # The URL itself is left out: a webhook's URL is its password.
    if not sound:
        yield BadSetting(path, "this is not an http:// or https:// URL with a host", "correct it")


def host_and_port(text: str | None, path: Path) -> Iterator[BadSetting]:
    """A server's address must have a host and a port."""
    if text is None:
        return
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        yield BadSetting(path, f"{text!r} is not host:port", "write it as mail.example.org:587")
