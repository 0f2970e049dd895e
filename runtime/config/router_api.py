"""The settings of the router's HTTP API, and their check."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.rules import BadSetting, is_given, one_form
from driftbell.runtime.config.section import Positive, Secret, Section


class ApiConfig(Section, frozen=True):
    """Alertmanager's HTTP API, version 2, for amtool, Grafana and Prometheus (docs/api.md)."""

    #: Address and port, such as 127.0.0.1:9093; absent: there is no API. Beyond this machine it needs a token or a password.
    listen: str | None = None
    #: Who sends it may do everything; give one form of it.
    bearer_token: Secret | None = None
    bearer_token_file: str | None = None
    bearer_token_env: str | None = None
    #: Name and password of basic authentication; besides the token, or instead of it.
    username: str | None = None
    password: Secret | None = None
    password_file: str | None = None
    password_env: str | None = None
    #: Serve beyond this machine to everybody: for networks where something else checks who asks.
    allow_anonymous: bool = False
    #: Certificate and key (PEM); both: HTTPS only.
    tls_cert_file: str | None = None
    tls_key_file: str | None = None
    #: Largest body of a request.
    max_body_bytes: Positive = 10_000_000
    #: Alerts posted by others that fire at once; more are refused.
    max_alerts: Positive = 20_000

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``; an empty host listens on all addresses.

        Raises:
            ValueError: ``listen`` is no address.
        """
        host, colon, port = (self.listen or "").rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{self.listen!r} is not host:port")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can ask."""
        host = self.address[0]
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def api_problems(api: ApiConfig) -> Iterator[BadSetting]:
    """What is wrong with the settings of the API; paths are below ``router``."""
    path: Path = ("api",)
    yield from one_form(api, ("bearer_token", "password"), path)
    has_password = is_given(api, "password")
    if has_password and not api.username:
        yield BadSetting((*path, "username"), "password is given and username is not", "add username")
    if api.username and not has_password:
        yield BadSetting(
            (*path, "username"), "username is given and password is not", "add password, password_file or password_env"
        )
    if ":" in (api.username or ""):
        yield BadSetting((*path, "username"), "a colon in username ends it for HTTP", "choose another name")
    for one, other in (("tls_cert_file", "tls_key_file"), ("tls_key_file", "tls_cert_file")):
        if getattr(api, one) is not None and getattr(api, other) is None:
            yield BadSetting((*path, one), f"{one} is given and {other} is not", f"add {other}")
    if api.listen is None:
        return
    try:
        local = api.is_local
    except ValueError as error:
        yield BadSetting((*path, "listen"), str(error), "write it as 127.0.0.1:9093")
        return
    if not (local or is_given(api, "bearer_token") or has_password or api.allow_anonymous):
        yield BadSetting(
            (*path, "listen"),
            f"{api.listen} can be reached from other machines, and everybody could silence alerts",
            "add bearer_token_file, or username and password_file; or allow_anonymous: true",
        )
