"""What a channel's requests carry besides their content: who we are, whom we trust, the way there."""

from __future__ import annotations

import base64
import dataclasses
import ssl
from dataclasses import dataclass, field

from driftbell.alerting.channels.http_config.request_settings import RequestSettings
from driftbell.alerting.channels.http_config.settings import HttpConfig, TlsConfig
from driftbell.alerting.channels.kind import BuildContext
from driftbell.alerting.channels.secrets import SecretSource, secret_of
from driftbell.alerting.errors import SecretError
from driftbell.runtime.config.rules import http_url


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Where the options of requests come from.

    Args:
        username: of basic authentication, which there is with a password.
        password: the same.
        scheme: of the header ``Authorization``, which there is with credentials.
        credentials: the same.
        headers: further ones.
        proxy: the address of the proxy; None: what the environment says.
        tls: whom to trust; None: the machine's authorities.
        server_name: what the server's certificate must name, where that is not the host.
    """

    username: str = ""
    password: SecretSource | None = None
    scheme: str = "Bearer"
    credentials: SecretSource | None = None
    headers: dict[str, SecretSource] = field(default_factory=dict)
    proxy: SecretSource | None = None
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    def read(self) -> RequestSettings:
        """The options of one request.

        Raises:
            SecretError: a secret cannot be read, or not be sent.
        """
        headers: dict[str, str] = {}
        secrets: list[str] = []
        if self.password is not None:
            password = self.password.read()
            pair = base64.b64encode(f"{self.username}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
            secrets += [password, pair]
        elif self.credentials is not None:
            credentials = _sendable(self.credentials)
            headers["Authorization"] = f"{self.scheme} {credentials}"
            secrets.append(credentials)
        for name, source in self.headers.items():
            headers[name] = _sendable(source)
            secrets.append(headers[name])
        proxy = None if self.proxy is None else self.proxy.read()
        if proxy is not None:
            secrets.append(proxy)
        return RequestSettings(headers, tuple(secrets), proxy, self.tls, self.server_name)


def _sendable(source: SecretSource) -> str:
    value = source.read()
    if not value.isprintable() or not value.isascii():
        raise SecretError(f"{source.key} has characters that a header cannot have")
    return value


def options_of(http: HttpConfig, context: BuildContext) -> HttpOptions:
    """The options of checked settings; what cannot work is refused through the context."""
    http_context = _within(context, "http_config")
    basic, other = http.basic_auth, http.authorization
    found = HttpOptions(server_name=http.tls_config.server_name, tls=_tls(http.tls_config, http_context))
    if basic is not None:
        password = _within(http_context, "basic_auth").readable(secret_of(basic, "password"))
        found = dataclasses.replace(found, username=basic.username, password=password)
    if other is not None:
        credentials = _within(http_context, "authorization").readable(secret_of(other, "credentials"))
        found = dataclasses.replace(found, scheme=other.type, credentials=credentials)
    headers = {
        name: _within(http_context, "http_headers", name).readable(secret_of(header, "value"))
        for name, header in http.http_headers.items()
    }
    proxy = secret_of(http, "proxy_url")
    if proxy is not None:
        proxy = http_context.readable(proxy)
        http_context.examine(proxy, lambda url: http_url(url, ()))
    return dataclasses.replace(found, headers=headers, proxy=proxy)


def _within(context: BuildContext, *keys: str) -> BuildContext:
    place = ".".join((context.place, *keys))
    return dataclasses.replace(context, place=place, path=(*context.path, *keys))


def _tls(tls: TlsConfig, context: BuildContext) -> ssl.SSLContext | None:
    if tls == TlsConfig(server_name=tls.server_name) or not context.with_environment:
        return None
    try:
        made = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            made.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        files = ", ".join(filter(None, (tls.ca_file, tls.cert_file, tls.key_file)))
        context.refuse("tls_config", f"{files} cannot be used ({error})", "name PEM files that can be read")
        return None
    if tls.insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
