"""The client for asyncio: the same verbs, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from driftbell_client.client import LIVE, Client
from driftbell_client.moment import Time
from driftbell_client.settings import Setting
from driftbell_client.stats import Stats


class AsyncClient:
    """``Client`` for coroutines; see there. ``flush`` and ``close`` wait in a thread, the other verbs do not wait."""

    def __init__(
        self,
        kafka: str | Mapping[str, Setting],
        *,
        predictions_topic: str = "predictions",
        feedback_topic: str = "feedback",
        shards: Mapping[str, int] | None = None,
        flush_at_exit: float = 5.0,
    ) -> None:
        self._client = Client(
            kafka,
            predictions_topic=predictions_topic,
            feedback_topic=feedback_topic,
            shards=shards,
            flush_at_exit=flush_at_exit,
        )

    async def predict(
        self,
        model: str,
        version: str | int,
        prediction: object = None,
        *,
        features: Mapping[Any, object] | None = None,
        prediction_id: object = None,
        timestamp: Time | None = None,
        scores: Mapping[Any, object] | float | None = None,
        latency_ms: float | None = None,
        error: str | BaseException | None = None,
        variant: str = LIVE,
        request_id: object = None,
        tags: Mapping[Any, object] | None = None,
        attributions: Mapping[Any, object] | None = None,
        embedding: Iterable[object] | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Publish what the model answered; see ``Client.predict``."""
        return self._client.predict(
            model,
            version,
            prediction,
            features=features,
            prediction_id=prediction_id,
            timestamp=timestamp,
            scores=scores,
            latency_ms=latency_ms,
            error=error,
            variant=variant,
            request_id=request_id,
            tags=tags,
            attributions=attributions,
            embedding=embedding,
            traceparent=traceparent,
        )

    async def label(
        self,
        model: str,
        prediction_id: object,
        label: object,
        *,
        timestamp: Time | None = None,
        weight: float = 1.0,
        tags: Mapping[Any, object] | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Publish the truth about one prediction; see ``Client.label``."""
        self._client.label(
            model, prediction_id, label, timestamp=timestamp, weight=weight, tags=tags, traceparent=traceparent
        )

    async def flush(self, timeout: float = 10.0) -> int:  # noqa: ASYNC109 - librdkafka keeps the deadline
        """Wait until all is delivered, without holding up the loop; see ``Client.flush``."""
        return await asyncio.to_thread(self._client.flush, timeout)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - librdkafka keeps the deadline
        """Flush, give up the rest, stop; see ``Client.close``."""
        return await asyncio.to_thread(self._client.close, timeout)

    def stats(self) -> Stats:
        """What became of the events so far, in this process."""
        return self._client.stats()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
