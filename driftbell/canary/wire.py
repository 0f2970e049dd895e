"""Publishes the records of a canary, one by one, each with a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from driftbell.runtime.config.model import Config
from driftbell.runtime.kafka import producer_settings


@dataclass(slots=True)
class Receipt:
    """What became of one record."""

    is_settled: bool = False
    #: What Kafka said against it; None: it has it.
    problem: str | None = None
    partition: int = -1
    offset: int = -1


class Wire:
    """One producer; its records of one key arrive in order."""

    def __init__(self, config: Config) -> None:
        # Log level 2 is "critical": what is wrong is reported once, by us, with what to look at.
        self._producer = Producer(producer_settings(config.kafka) | {"log_level": 2, "linger.ms": 0})

    def publish(self, topic: str, key: str, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Receipt:
        """Hand a record over; it is sent by ``poll`` and ``flush``."""
        receipt = Receipt()

        def settled(problem: KafkaError | None, message: Message) -> None:
            receipt.is_settled = True
            if problem is not None:
                receipt.problem = f"topic {topic}: {problem.str()}"
                return
            receipt.partition, receipt.offset = message.partition() or 0, message.offset() or 0

        try:
            self._producer.produce(topic, value, key, headers=list(headers), on_delivery=settled)
        except (KafkaException, BufferError) as error:
            receipt.is_settled, receipt.problem = True, f"topic {topic}: {error}"
        return receipt

    def poll(self) -> None:
        """Learn what became of records; does not wait."""
        self._producer.poll(0)

    def flush(self, seconds: float) -> int:
        """Wait until all is settled, that long at most. Returns how many records are not."""
        return int(self._producer.flush(seconds))
