"""The same without driftbell's client: confluent-kafka and the standard library.

python examples/publish_plain.py [BOOTSTRAP_SERVERS [PREDICTIONS_TOPIC FEEDBACK_TOPIC]]
"""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Producer


def main(bootstrap: str = "localhost:9092", predictions: str = "predictions", feedback: str = "feedback") -> None:
    """Publish one prediction and its label."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            # Not librdkafka's default: see docs/publishing.md.
            "partitioner": "murmur2_random",
        }
    )
    now = int(time.time() * 1000)
    prediction = {
        "prediction_id": "plain-1",
        "model": "fraud",
        "version": "3",
        "timestamp": now,
        "features": {"amount": 42.5, "country": "DE", "age_of_account_days": None},
        "prediction": 1,
        "scores": 0.91,
    }
    label = {"prediction_id": "plain-1", "model": "fraud", "label": 0, "timestamp": now}
    # allow_nan: json writes NaN by default, which is not JSON and would be dead-lettered; better to hear of it here.
    producer.produce(predictions, json.dumps(prediction, allow_nan=False).encode(), key="fraud")
    producer.produce(feedback, json.dumps(label, allow_nan=False).encode(), key="fraud")
    if left := producer.flush(10):
        sys.exit(f"{left} events were not delivered")


if __name__ == "__main__":
    main(*sys.argv[1:])
