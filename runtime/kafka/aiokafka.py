"""Settings for aiokafka, the client under Faust, from the same librdkafka names."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from driftbell.runtime.kafka.librdkafka import Settings, with_secrets

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI")

#: librdkafka name -> aiokafka name, for numbers that mean the same in both.
_NUMBERS = {
    "socket.timeout.ms": "request_timeout_ms",
    "metadata.max.age.ms": "metadata_max_age_ms",
    "connections.max.idle.ms": "connections_max_idle_ms",
    "retry.backoff.ms": "retry_backoff_ms",
}


def aiokafka_settings(kafka: Settings) -> dict[str, Any]:
    """Keyword arguments that AIOKafkaConsumer, AIOKafkaProducer and AIOKafkaAdminClient all take.

    Names that only librdkafka knows are left out (``ignored_by_worker`` lists them).

    Raises:
        ValueError: a security setting has no counterpart; the message names it and the fix.
        OSError: a certificate, key or ``<secret>_file`` cannot be read (``ssl.SSLError`` is one).
    """
    settings = with_secrets(kafka)
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(settings),
        "client_id": str(settings.get("client.id", "driftbell")),
    }
    arguments |= {ours: int(settings[theirs]) for theirs, ours in _NUMBERS.items() if theirs in settings}
    return arguments | _security(settings)


def faust_broker(kafka: Settings) -> tuple[list[str], dict[str, Any]]:
    """What Faust needs: broker addresses (``kafka://host:port``) and the security part of ``aiokafka_settings``.

    Faust wants its own credential classes for the second; ``streams.kafka.transport`` builds them or hands the arguments to
    aiokafka directly, so that this room need not import Faust.

    Raises:
        ValueError, OSError: as ``aiokafka_settings``.
    """
    settings = with_secrets(kafka)
    servers = bootstrap_servers(settings).split(",")
    return [f"kafka://{server}" for server in servers], _security(settings)


def bootstrap_servers(settings: Settings) -> str:
    """The addresses, host:port comma separated, without the protocol prefix that librdkafka allows."""
    given = str(settings.get("bootstrap.servers", settings.get("metadata.broker.list", "localhost:9092")))
    return ",".join(server.strip().rpartition("://")[2] for server in given.split(",") if server.strip())


def _security(settings: Mapping[str, Any]) -> dict[str, Any]:
    protocol = str(settings.get("security.protocol", "PLAINTEXT")).upper()
    arguments: dict[str, Any] = {"security_protocol": protocol}
    if protocol in {"SSL", "SASL_SSL"}:
        arguments["ssl_context"] = _ssl_context(settings)
    if protocol in {"SASL_PLAINTEXT", "SASL_SSL"}:
        arguments |= _sasl(settings)
    elif protocol not in {"PLAINTEXT", "SSL"}:
        raise ValueError(
            f"security.protocol is {protocol!r}; it may be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        )
    return arguments


def _sasl(settings: Mapping[str, Any]) -> dict[str, Any]:
    # librdkafka's default is GSSAPI, which its wheels do not contain: ask for a choice rather than fail at connecting.
    mechanism = str(settings.get("sasl.mechanism", settings.get("sasl.mechanisms", ""))).upper()
    if mechanism not in _MECHANISMS:
        raise ValueError(f"sasl.mechanism is {mechanism or 'not set'!r}; it may be {', '.join(_MECHANISMS)}")
    arguments: dict[str, Any] = {"sasl_mechanism": mechanism}
    if mechanism == "OAUTHBEARER":
        return arguments | {"sasl_oauth_token_provider": _token_provider(settings)}
    if mechanism == "GSSAPI":
        return arguments | {"sasl_kerberos_service_name": settings.get("sasl.kerberos.service.name", "kafka")}
    for name, argument in (("sasl.username", "sasl_plain_username"), ("sasl.password", "sasl_plain_password")):
        if name not in settings:
            raise ValueError(f"{name} is needed for sasl.mechanism {mechanism} (the password or sasl.password_file)")
        arguments[argument] = str(settings[name])
    return arguments


def _token_provider(settings: Mapping[str, Any]) -> object:
    # Only this mechanism needs it, and aiokafka takes 100 ms to import.
    from driftbell.runtime.kafka.oauth import OidcTokenProvider

    if str(settings.get("sasl.oauthbearer.method", "")).lower() != "oidc":
        raise ValueError("sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.method: oidc (client credentials)")
    prefix = "sasl.oauthbearer."
    needed = ("token.endpoint.url", "client.id", "client.secret")
    if absent := [prefix + name for name in needed if prefix + name not in settings]:
        raise ValueError(f"sasl.oauthbearer.method oidc needs {', '.join(absent)}")
    pairs = (pair.partition("=") for pair in str(settings.get(f"{prefix}extensions", "")).split(",") if pair)
    return OidcTokenProvider(
        endpoint=settings[f"{prefix}token.endpoint.url"],
        client_id=settings[f"{prefix}client.id"],
        client_secret=settings[f"{prefix}client.secret"],
        scope=settings.get(f"{prefix}scope"),
        extensions={name.strip(): value.strip() for name, _, value in pairs},
        ca_file=settings.get("https.ca.location"),
    )


def _ssl_context(settings: Mapping[str, Any]) -> ssl.SSLContext:
    for name in ("ssl.keystore.location", "ssl.certificate.pem", "ssl.key.pem"):
        if name in settings:
            raise ValueError(f"the worker cannot use {name}: set ssl.certificate.location and ssl.key.location (PEM)")
    try:
        context = ssl.create_default_context(cafile=settings.get("ssl.ca.location"), cadata=settings.get("ssl.ca.pem"))
    except ssl.SSLError as error:
        raise ValueError(f"ssl.ca.location or ssl.ca.pem holds no PEM certificates: {error}") from error
    if str(settings.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none":
        context.check_hostname = False
    if str(settings.get("enable.ssl.certificate.verification", "true")).lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if crl := settings.get("ssl.crl.location"):
        context.load_verify_locations(cafile=crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if ciphers := settings.get("ssl.cipher.suites"):
        context.set_ciphers(ciphers)
    if certificate := settings.get("ssl.certificate.location"):
        # Without a password OpenSSL would ask for it on the terminal; an empty one makes it fail instead.
        password = str(settings.get("ssl.key.password", ""))
        try:
            context.load_cert_chain(certificate, settings.get("ssl.key.location"), password)
        except ssl.SSLError as error:
            raise ValueError(f"ssl.certificate.location, ssl.key.location or ssl.key.password: {error}") from error
    return context
