"""What is wrong with a Kafka settings block, each with its fix, before any client is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from driftbell.runtime.kafka.aiokafka import aiokafka_settings, bootstrap_servers
from driftbell.runtime.kafka.librdkafka import Settings, producer_settings
from driftbell.runtime.kafka.meant_name import meant_name
from driftbell.runtime.kafka.names import CONNECTION, CONSUMER_ONLY, FILE_SUFFIX, JAVA, KNOWN, OURS, SECRETS

_SERVER = re.compile(r"^(\[[0-9a-fA-F:.]+\]|[^\s:/,]+)(:\d{1,5})?$")

#: Not handed to librdkafka for checking: it would try to connect, to fetch a token, or only repeat what we found.
_NOT_TRIED = re.compile(r"^(bootstrap\.servers|metadata\.broker\.list|sasl\.oauthbearer\..*|test\.mock\..*)$")


def problems(kafka: Settings) -> Iterator[tuple[str, str]]:
    """Yield (property name, what is wrong and how to put it right) for everything found."""
    found = False
    for name, message in _by_name(kafka):
        found = True
        yield name, message
    for server in bootstrap_servers(kafka).split(","):
        if not _SERVER.match(server):
            found = True
            yield "bootstrap.servers", f"{server!r} is no address: write host:port, several separated by commas"
    if found:
        return
    # Each client is the authority on the values it takes, so let both look at them.
    try:
        aiokafka_settings(kafka)
    except (ValueError, OSError) as error:
        yield _named_in(str(error), kafka, "security.protocol"), str(error)
        return
    yield from _by_librdkafka(kafka)


def without_files(kafka: Settings) -> dict[str, str | int | float | bool]:
    """The settings as they can be checked on a machine that has none of the files which they name.

    >>> without_files({"sasl.password_file": "/run/secrets/kafka", "ssl.ca.location": "/etc/ca.pem", "client.id": "d"})
    {'sasl.password': 'unknown', 'client.id': 'd'}
    """
    kept: dict[str, str | int | float | bool] = {}
    for name, value in kafka.items():
        secret = name.removesuffix(FILE_SUFFIX)
        if name.endswith(FILE_SUFFIX) and secret in SECRETS and not secret.startswith("ssl."):
            kept.setdefault(secret, "unknown")
        elif not name.endswith((FILE_SUFFIX, ".location")):
            kept[name] = value
    return kept


def ignored_by_worker(kafka: Settings) -> list[str]:
    """Names that reach the publishing and admin clients (librdkafka) but not the worker's (aiokafka), sorted."""
    return sorted(name for name in kafka if name.removesuffix(FILE_SUFFIX) not in CONNECTION | {"ssl.key.pem"})


def _by_name(kafka: Settings) -> Iterator[tuple[str, str]]:
    for name, value in kafka.items():
        secret = name.removesuffix(FILE_SUFFIX)
        if name.endswith(FILE_SUFFIX) and secret in SECRETS:
            if secret in kafka:
                yield name, f"{secret} and {name} are both set: keep one"
            elif not Path(str(value)).is_file():
                yield name, f"there is no file {str(value)!r}"
        elif name in OURS:
            yield name, f"driftbell sets this itself: {OURS[name]}"
        elif name in JAVA:
            yield name, f"a name of Kafka's Java client: {JAVA[name]}"
        elif name.endswith(".location") and not Path(str(value)).exists() and str(value) != "probe":
            yield name, f"there is no file {str(value)!r}"
        elif "_" in name and name.replace("_", ".") in KNOWN and name not in KNOWN:
            yield name, f"Kafka's names have dots: write {name.replace('_', '.')}"


def _by_librdkafka(kafka: Settings) -> Iterator[tuple[str, str]]:
    tried = {name: value for name, value in kafka.items() if not _NOT_TRIED.match(name) and name not in CONSUMER_ONLY}
    together = _refusal(tried)
    if not together:
        return
    # It stops at the first and may name a property by another alias, so ask about each alone.
    alone = {name: _refusal({name: value}) for name, value in tried.items()}
    wrong = {name: message for name, message in alone.items() if "onfiguration property" in message}
    for name, message in wrong.items():
        yield name, message + _suggestion(name, message)
    if not wrong:
        yield _named_in(together, tried, "security.protocol"), together


def _refusal(settings: Settings) -> str:
    """What librdkafka says against these settings; empty when it takes them."""
    # Importing it loads a C library, which a command that needs no Kafka should not pay for.
    from confluent_kafka import KafkaException, Producer

    try:
        Producer(producer_settings(settings) | {"log_level": 0})
    except (KafkaException, ValueError, TypeError) as error:
        inner = error.args[0] if error.args else error
        return str(inner.str() if hasattr(inner, "str") else inner).strip()
    return ""


def _named_in(message: str, kafka: Settings, otherwise: str) -> str:
    mentioned = [name for name in kafka if name in message]
    return max(mentioned, key=len, default=otherwise)


def _suggestion(name: str, message: str) -> str:
    if not message.startswith("No such configuration property"):
        return ""
    meant = meant_name(name, KNOWN - OURS.keys())
    return f"; did you mean {meant}?" if meant else "; see librdkafka's CONFIGURATION.md for the names"
