"""How a channel talks HTTP: Alertmanager's ``http_config``, and its check.

Source: prometheus.io/docs/alerting/latest/configuration (http_config).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as FilePath

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret, Section

#: RFC 9110, 5.6.2: a token.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: What the request sets itself.
_OURS = frozenset({"authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"})


class BasicAuth(Section, frozen=True):
    """A name and a password."""

    username: str = ""
    password: Secret | None = None
    password_file: str | None = None
    password_env: str | None = None


class Authorization(Section, frozen=True):
    """A header ``Authorization`` of another kind."""

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: str | None = None
    credentials_env: str | None = None


class HttpHeader(Section, frozen=True):
    """One header's value."""

    value: Secret | None = None
    value_file: str | None = None
    value_env: str | None = None


class TlsConfig(Section, frozen=True):
    """Whom to trust, and the certificate to show."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class HttpConfig(Section, frozen=True):
    """How requests are made. Redirects are never followed: they would carry the secrets to another host."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    #: Further headers, by name.
    http_headers: dict[str, HttpHeader] = {}
    tls_config: TlsConfig = TlsConfig()
    #: The proxy to go by; absent: that of the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    proxy_url: Secret | None = None
    proxy_url_file: str | None = None
    proxy_url_env: str | None = None


def http_problems(http: HttpConfig, path: Path = ("http_config",)) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(http, ("proxy_url",), path)
    yield from http_url(http.proxy_url, (*path, "proxy_url"))
    basic, other = http.basic_auth, http.authorization
    if basic is not None and other is not None:
        yield BadSetting((*path, "authorization"), "basic_auth and authorization are given", "keep one of them")
    if basic is not None:
        yield from _given(basic, "password", (*path, "basic_auth"))
    if other is not None:
        yield from _given(other, "credentials", (*path, "authorization"))
        if _NAME.fullmatch(other.type) is None or other.type.lower() == "basic":
            yield BadSetting(
                (*path, "authorization", "type"), f"{other.type!r} is not a type", "write Bearer, or use basic_auth"
            )
    for name, header in http.http_headers.items():
        place = (*path, "http_headers", name)
        yield from _given(header, "value", place)
        if _NAME.fullmatch(name) is None:
            yield BadSetting(place, f"{name!r} is not the name of a header", "use letters, digits and -")
        if name.lower() in _OURS:
            yield BadSetting(place, f"header {name} is set by the request itself", "remove it")
    yield from _tls_problems(http.tls_config, (*path, "tls_config"))


def _given(section: Section, secret: str, path: Path) -> Iterator[BadSetting]:
    yield from one_form(section, (secret,), path)
    if not is_given(section, secret):
        yield BadSetting(path, f"there is no {secret}", f"add {secret}, {secret}_file or {secret}_env")


def _tls_problems(tls: TlsConfig, path: Path) -> Iterator[BadSetting]:
    if (tls.cert_file is None) != (tls.key_file is None):
        yield BadSetting(path, "cert_file and key_file are needed together", "add the other, or remove both")
    for key in ("ca_file", "cert_file", "key_file"):
        file = getattr(tls, key)
        if file is not None and not FilePath(file).name:
            yield BadSetting((*path, key), "this is no file", "name a PEM file")
