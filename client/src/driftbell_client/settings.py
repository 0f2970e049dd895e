"""The settings of the producer: librdkafka's, with the defaults that driftbell needs."""

from __future__ import annotations

from collections.abc import Mapping

Setting = str | int | float | bool

#: Kafka's Java clients place keys by murmur2; librdkafka's own default is CRC32. If predictions and labels of one model
#: land on different partitions, their join is lost.
PARTITIONERS = ("murmur2_random", "murmur2")

#: Anything here may be overridden, except that the partitioner must be one of the above.
DEFAULTS: Mapping[str, Setting] = {
    "client.id": "driftbell-client",
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": PARTITIONERS[0],
    # Monitoring can wait 50 ms; batches of that length compress well and cost the broker little.
    "linger.ms": 50,
    "compression.type": "lz4",
    # How much the service may lose, and how much memory it may spend, while the broker is away.
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    "delivery.timeout.ms": 120_000,
}


def producer_settings(kafka: str | Mapping[str, Setting]) -> dict[str, Setting]:
    """The whole configuration of the producer, from bootstrap servers or librdkafka's properties.

    Raises:
        ValueError: no bootstrap servers, or a partitioner that would tear labels from their predictions.
    """
    given = {"bootstrap.servers": kafka} if isinstance(kafka, str) else dict(kafka)
    settings = {**DEFAULTS, **given}
    # librdkafka takes either name, and would see both.
    for alias, name in (("compression.codec", "compression.type"), ("request.required.acks", "acks")):
        if alias in given and name not in given:
            del settings[name]
    if not settings.get("bootstrap.servers") and not settings.get("metadata.broker.list"):
        raise ValueError("bootstrap.servers is missing: Client('host:9092') or Client({'bootstrap.servers': ...})")
    if settings["partitioner"] not in PARTITIONERS:
        raise ValueError(
            f"partitioner {settings['partitioner']!r} would separate labels from predictions; "
            f"leave it out or use {PARTITIONERS[0]!r}"
        )
    # The success of every single event is of no interest; a callback for each would cost the service time.
    settings["delivery.report.only.error"] = True
    return settings
