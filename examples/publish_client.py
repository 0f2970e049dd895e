"""A service that publishes what its model answers, and later what was true, with driftbell's client.

python examples/publish_client.py [BOOTSTRAP_SERVERS [PREDICTIONS_TOPIC FEEDBACK_TOPIC]]
"""

from __future__ import annotations

import random
import sys
import time

from driftbell_client import Client


def main(bootstrap: str = "localhost:9092", predictions: str = "predictions", feedback: str = "feedback") -> None:
    """Publish 100 predictions and their labels."""
    draw = random.Random(7)  # noqa: S311 - an example's data, not a secret
    with Client(bootstrap, predictions_topic=predictions, feedback_topic=feedback) as client:
        for _ in range(100):
            amount, country = draw.lognormvariate(3, 1), draw.choice(["DE", "FR", "PL"])
            started = time.perf_counter()
            probability = min(1.0, amount / 200)
            prediction_id = client.predict(
                "fraud",
                "3",
                int(probability > 0.5),
                features={"amount": amount, "country": country},
                scores=probability,
                latency_ms=(time.perf_counter() - started) * 1000,
                tags={"channel": "web"},
            )
            # In real life hours or weeks later, and in another process: keep the id.
            client.label("fraud", prediction_id, int(draw.random() < probability))
        client.flush()
        print(client.stats())


if __name__ == "__main__":
    main(*sys.argv[1:])
