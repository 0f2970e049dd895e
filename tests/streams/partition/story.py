"""A minute in the life of a partition in which everything happens: drift, versions, traces, rubbish, tombstones, silence."""

from __future__ import annotations

import json

from driftbell.runtime.config.model import Config, Join, Monitoring, MonitorSettings, Reference, Worker
from driftbell.streams.records import Input, Record
from tests.pipeline.traffic import Traffic

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
END_MS = START_MS + MINUTE_MS + 12_000


def config(**worker: object) -> Config:
    """Small numbers everywhere, so that every limit is met within a minute."""
    calm = {name: MonitorSettings(keep_firing_for=2.0) for name in ("error_rate", "feature_drift", "prediction_drift")}
    settings = {
        "batch_events": 16,
        "safe_point_records": 13,
        "max_subjects_per_model": 2,
        "keep_versions": 4.0,
        "forget_models_after": 20.0,
        "max_models_per_partition": 3,
        **worker,
    }
    return Config(
        worker=Worker(**settings),  # type: ignore[arg-type]
        join=Join(horizon=8, slots=4, max_waiting_labels=30, cache_predictions=20),
        monitoring=Monitoring(
            events_per_false_alarm=2_000,
            reference=Reference(events=60, labels=60),
            monitors=calm,
            metrics_window=5.0,
        ),
    )


def inputs(seed: int, predictions: int = 1000, *, traced: bool = True) -> dict[Input, list[Record]]:
    """The contents of both topics: offsets and timestamps as a broker would give them."""
    made: dict[Input, list[Record]] = {source: [] for source in Input}
    for number, event in enumerate(Traffic(seed, predictions, MINUTE_MS).events(START_MS)):
        records = made[event.input]
        value: bytes | None = event.value
        headers: tuple[tuple[str, bytes], ...] = ()
        if traced and number % 7 == 0:
            headers = (("traceparent", f"00-{number + 1:032x}-{number + 1:016x}-01".encode()),)
        if number % 97 == 0:
            value = None
        elif number % 101 == 0:
            value = json.dumps(
                {"prediction_id": "x", "model": f"odd-{number}", "version": "1", "timestamp": 5}
            ).encode()
        elif event.input is Input.PREDICTIONS and b'"features"' in event.value:
            if number % 31 == 0:
                value = event.value.replace(b'"version": "1"', b'"version": "%d"' % (2 + number // 700))
            elif number % 53 == 0:
                value = event.value.replace(b'"model": "', b'"model": "other-%d-' % (number // 600))
        # Producers' clocks disagree by some milliseconds, so that times run backwards within an input.
        records.append(Record(len(records), START_MS + event.at_ms - number % 5, value, event.key.encode(), headers))
    return made
