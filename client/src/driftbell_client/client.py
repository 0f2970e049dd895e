"""The client: two verbs, ``predict`` and ``label``, that take microseconds and never raise on data."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from driftbell_client import limits, plain
from driftbell_client.events import Label, Prediction, encode
from driftbell_client.moment import Time, epoch_ms
from driftbell_client.publisher import Headers, Publisher
from driftbell_client.refused import Refused
from driftbell_client.settings import Setting, producer_settings
from driftbell_client.stats import DropReason, Stats

LIVE = "live"


class Client:
    """Publishes predictions and labels to driftbell's topics. One per process is enough; any thread may use it.

    An event that cannot be published is dropped, counted (``stats``) and logged, every 30 seconds at most: a service
    must not fail, nor wait, because its monitoring does.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Setting],
        *,
        predictions_topic: str = "predictions",
        feedback_topic: str = "feedback",
        shards: Mapping[str, int] | None = None,
        flush_at_exit: float = 5.0,
    ) -> None:
        """Connect in the background.

        Args:
            kafka: bootstrap servers (``"host:9092,host:9092"``), or librdkafka's properties.
            predictions_topic: as in driftbell's configuration, ``topics.predictions``.
            feedback_topic: likewise, ``topics.feedback``.
            shards: for models too big for one partition, over how many keys their events are spread.
            flush_at_exit: seconds that the end of the process, or ``close``, may wait for the last deliveries.

        Raises:
            ValueError: no bootstrap servers, or a partitioner that would separate labels from predictions.
            confluent_kafka.KafkaException: a property that librdkafka does not know.
        """
        self._predictions = predictions_topic
        self._feedback = feedback_topic
        self._shards = dict(shards or {})
        self._publisher = Publisher(producer_settings(kafka), flush_at_exit)

    def predict(
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
        """Publish what the model answered, and return the prediction's id (a new one unless given) for its label.

        Args:
            model: the model's name.
            version: its version; versions are watched apart.
            prediction: number, text or boolean, also numpy's. NaN and infinities are published as a failed prediction.
            features: name to number, text, boolean or None. NaN, infinities and pandas' NA mean missing, as None does.
            prediction_id: unique within the model.
            timestamp: when it was made: an aware datetime, RFC 3339 text or epoch milliseconds; now unless given.
            scores: probability of the positive class, or class to probability.
            latency_ms: how long it took, at most 1e9 (11.6 days).
            error: why there is no prediction; an exception will do.
            variant: ``live``, ``shadow`` or the arm of an experiment.
            request_id: pairs a shadow prediction with the live one.
            tags: segments and protected groups.
            attributions: feature to its share in the prediction.
            embedding: the input as a vector.
            traceparent: W3C trace context, carried into an alert that this event raises.
        """
        found = str(uuid.uuid4()) if prediction_id is None else str(prediction_id)
        try:
            answer = limits.answer(plain.plain(prediction, "prediction"), "the prediction")
            if answer is None and error is None:
                error = "no prediction" if prediction is None else f"the prediction is {prediction}"
            event = Prediction(
                prediction_id=found if prediction_id is None else plain.identifier(prediction_id, "prediction_id"),
                model=plain.identifier(model, "model"),
                version=plain.identifier(version, "version"),
                timestamp=epoch_ms(timestamp),
                features=_features(features) if features is not None else {},
                prediction=answer,
                scores=_scores(scores),
                latency_ms=None if latency_ms is None else _latency(latency_ms),
                error=_error(error),
                variant=plain.identifier(variant, "variant"),
                request_id=None if request_id is None else _request_id(request_id),
                tags=_tags(tags) if tags is not None else {},
                attributions=_numbers(attributions, "attribution") if attributions is not None else {},
                embedding=_vector(embedding) if embedding is not None else [],
            )
            self._publish(self._predictions, event, traceparent)
        except Refused as refused:
            self._publisher.drop(refused.reason, refused.detail)
        except Exception as unforeseen:  # An object of the caller's own that raises when it is looked at.
            self._publisher.drop(DropReason.NOT_ENCODABLE, f"{type(unforeseen).__name__}: {unforeseen}")
        return found

    def label(
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
        """Publish the truth about one prediction. A second label amends the first.

        Args:
            model: the model that made the prediction.
            prediction_id: what ``predict`` returned.
            label: number, text or boolean, of the same kind as the prediction.
            timestamp: when it became known, as in ``predict``; now unless given.
            weight: how much it counts in weighted metrics, at most 1,000,000.
            tags: where the label comes from, and the like.
            traceparent: W3C trace context, carried into an alert that this label raises.
        """
        try:
            truth = limits.answer(plain.plain(label, "label"), "the label")
            if truth is None:
                raise Refused(DropReason.NOT_FINITE, f"the label is {label}")
            event = Label(
                prediction_id=plain.identifier(prediction_id, "prediction_id"),
                model=plain.identifier(model, "model"),
                label=truth,
                timestamp=epoch_ms(timestamp),
                weight=_weight(weight),
                tags=_tags(tags) if tags is not None else {},
            )
            self._publish(self._feedback, event, traceparent)
        except Refused as refused:
            self._publisher.drop(refused.reason, refused.detail)
        except Exception as unforeseen:  # As in predict.
            self._publisher.drop(DropReason.NOT_ENCODABLE, f"{type(unforeseen).__name__}: {unforeseen}")

    def flush(self, timeout: float = 10.0) -> int:
        """Wait up to ``timeout`` seconds until all is delivered; the number of events that are not."""
        return self._publisher.flush(timeout)

    def close(self, timeout: float | None = None) -> int:
        """Flush (``flush_at_exit`` seconds unless given), give up the rest, stop. The number of events given up."""
        return self._publisher.close(timeout)

    def stats(self) -> Stats:
        """What became of the events so far, in this process."""
        return self._publisher.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _publish(self, topic: str, event: Prediction | Label, traceparent: str | None) -> None:
        headers: Headers | None = [("traceparent", traceparent)] if isinstance(traceparent, str) else None
        self._publisher.publish(topic, self._key(event), encode(event), headers)

    def _key(self, event: Prediction | Label) -> bytes:
        """The model's name, so that its events stay in order; sharded models get a number that the label shares."""
        shards = self._shards.get(event.model)
        if not shards:
            return event.model.encode()
        return b"%s#%d" % (event.model.encode(), zlib.crc32(event.prediction_id.encode()) % shards)


def _scores(scores: Mapping[Any, object] | float | None) -> dict[str, float] | float | None:
    if scores is None:
        return None
    # A pandas Series is a mapping that is no Mapping.
    if isinstance(scores, Mapping) or hasattr(scores, "items"):
        return _numbers(cast("Mapping[Any, object]", scores), "score")
    return plain.number(scores, "scores")


def _error(error: str | BaseException | None) -> str | None:
    if isinstance(error, BaseException):
        return f"{type(error).__name__}: {error}"
    return None if error is None else str(error)


def _weight(weight: float) -> float:
    found = plain.number(weight, "weight")
    if found is None:
        raise Refused(DropReason.NOT_FINITE, f"the weight is {weight}")
    return limits.within(found, limits.MAX_WEIGHT, "the weight")


def _latency(latency_ms: float) -> float | None:
    found = plain.number(latency_ms, "latency_ms")
    return None if found is None else limits.within(found, limits.MAX_LATENCY_MS, "latency_ms")


def _request_id(request_id: object) -> str:
    text = str(request_id)
    limits.texts((text,), "request_id")
    return text


def _features(features: Mapping[Any, object]) -> dict[str, plain.Plain]:
    found = plain.features(features)
    limits.names(found, limits.MAX_ENTRIES, "features")
    return found


def _numbers(values: Mapping[Any, object], what: str) -> dict[str, float]:
    found = plain.numbers(values, what)
    limits.names(found, limits.MAX_ENTRIES, f"{what}s")
    return found


def _tags(tags: Mapping[Any, object]) -> dict[str, str]:
    found = plain.tags(tags)
    limits.names(found, limits.MAX_TAGS, "tags")
    limits.texts(found.values(), "a tag")
    return found


def _vector(embedding: Iterable[object]) -> list[float]:
    found = plain.vector(embedding)
    limits.entries(found, limits.MAX_DIMENSIONS, "dimensions")
    return found
