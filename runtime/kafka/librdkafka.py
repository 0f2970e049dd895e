"""Settings for confluent-kafka (librdkafka): producers, consumers and the admin client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from driftbell.runtime.kafka.names import CONSUMER_ONLY, FILE_SUFFIX, PRODUCER_ONLY, SECRETS

Settings = Mapping[str, str | int | float | bool]

_DEFAULTS: dict[str, str | int] = {
    "client.id": "driftbell",
    # An idle connection that a broker or a load balancer closed is no news.
    "log.connection.close": "false",
}


def with_secrets(kafka: Settings) -> dict[str, str | int | float | bool]:
    """The same settings with every ``<secret>_file`` replaced by what that file holds.

    Raises:
        OSError: a file cannot be read.
    """
    resolved: dict[str, str | int | float | bool] = {}
    for name, value in kafka.items():
        secret = name.removesuffix(FILE_SUFFIX)
        if name.endswith(FILE_SUFFIX) and secret in SECRETS:
            resolved[secret] = Path(str(value)).read_text().rstrip("\r\n")
        else:
            resolved[name] = value
    return resolved


def client_settings(kafka: Settings) -> dict[str, Any]:
    """What any librdkafka client takes; for ``confluent_kafka.admin.AdminClient`` as it is.

    Raises:
        OSError: a ``<secret>_file`` cannot be read.
    """
    return _DEFAULTS | _without(with_secrets(kafka), PRODUCER_ONLY | CONSUMER_ONLY)


def producer_settings(kafka: Settings) -> dict[str, Any]:
    """For ``confluent_kafka.Producer``: idempotent, acknowledged by all in-sync replicas, keyed as Java clients key.

    ``murmur2_random``: librdkafka's own default (CRC32) sends a key elsewhere than Java, Faust and Kafka Streams do.
    zstd unless ``compression.type`` says otherwise.

    Raises:
        OSError: a ``<secret>_file`` cannot be read.
    """
    given = _without(with_secrets(kafka), CONSUMER_ONLY)
    compression = {} if "compression.codec" in given else {"compression.type": "zstd"}
    ours = {"enable.idempotence": "true", "acks": "all", "partitioner": "murmur2_random"}
    return _DEFAULTS | compression | given | ours


def consumer_settings(kafka: Settings, group: str) -> dict[str, Any]:
    """For ``confluent_kafka.Consumer``: reads from the start where the group has no offset, commits only when told.

    Raises:
        OSError: a ``<secret>_file`` cannot be read.
    """
    given = _without(with_secrets(kafka), PRODUCER_ONLY)
    return _DEFAULTS | given | {"group.id": group, "enable.auto.commit": "false", "auto.offset.reset": "earliest"}


def _without(settings: Settings, names: frozenset[str]) -> dict[str, Any]:
    return {name: _text(value) for name, value in settings.items() if name not in names}


def _text(value: str | float | bool) -> str | int | float:
    # str(True) would be "True", which is no boolean to librdkafka in every version.
    return str(value).lower() if isinstance(value, bool) else value
