"""Kafka record headers, in the shape that aiokafka and confluent-kafka share."""

from __future__ import annotations

from collections.abc import Sequence

#: Name and value in order; names may repeat and a value may be null.
Headers = Sequence[tuple[str, bytes | None]]

NO_HEADERS: Headers = ()
