"""Stands in for the publisher, so that what a client would publish can be looked at without a broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftbell_client import Client, DropReason
from driftbell_client.publisher import Headers


@dataclass
class Recorder:
    """Keeps what it is given."""

    published: list[tuple[str, bytes, bytes, Headers | None]] = field(default_factory=list)
    dropped: list[tuple[DropReason, str | None]] = field(default_factory=list)

    def clear(self) -> None:
        self.published.clear()
        self.dropped.clear()

    def publish(self, topic: str, key: bytes, value: bytes, headers: Headers | None) -> DropReason | None:
        self.published.append((topic, key, value, headers))
        return None

    def drop(self, reason: DropReason, detail: str | None = None) -> DropReason:
        self.dropped.append((reason, detail))
        return reason


def recorded(shards: Mapping[str, int] | None = None) -> tuple[Client, Recorder]:
    """A client that publishes to a ``Recorder``."""
    client = Client("nowhere:9092", shards=shards)
    client.close(0)
    recorder = Recorder()
    client._publisher = recorder  # type: ignore[assignment]
    return client, recorder
