"""Whatever legal values events hold, nothing in a partition raises, and a restart changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from driftbell.runtime.config.model import Config, Join, Monitoring, Reference, Worker
from driftbell.schemas import decode_alert
from driftbell.streams.records import Input, Output, Record
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
#: Where arithmetic goes wrong: overflow, underflow, rounding, the edges of float32 and of the integers.
EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, 2.2e-308, 1e-300, 1e-7, 3.4e38, 3.5e38, -3.5e38, 1e154, 1.4e154, 1e155,
    1e300, 1.7e308, 1.7976931348623157e308, -1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 1e16,
    0, 1, 2, -1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**300,
]  # fmt: skip

numbers = st.sampled_from(EDGES) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
finite = st.sampled_from([float(edge) for edge in EDGES]) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["", " ", "1", "1.0", "true", "True", "\x00", "\u202e", "\U0001f600" * 30, "a" * 300, "null", "é", "e\u0301"]
)
features = st.dictionaries(
    st.sampled_from(["amount", "country", "", "\U0001f600"]), st.none() | numbers | texts | st.booleans(), max_size=4
)
answers = numbers | texts | st.booleans()
scores = st.none() | finite | st.dictionaries(texts, finite, max_size=4)
weights = st.sampled_from([0, 5e-324, 1e-300, 1.0, 2, 1e6]) | st.floats(0, 1e6)
#: Before, after, far away: what Kafka may have stamped on a record.
stamps = st.integers(-3_000, 3_000) | st.sampled_from([3_300_000, 10**15, -START_MS - 1, -START_MS])


def config() -> Config:
    """Small numbers, so that every stage is reached within a few dozen events."""
    return Config(
        worker=Worker(batch_events=4, safe_point_records=11, max_subjects_per_model=2, keep_versions=2.0),
        join=Join(horizon=20, slots=4, max_waiting_labels=5, cache_predictions=4),
        monitoring=Monitoring(events_per_false_alarm=50, reference=Reference(events=8, labels=8), metrics_window=2.0),
    )


@st.composite
def inputs(draw: st.DrawFn) -> dict[Input, list[Record]]:
    """Both topics: predictions, many of one kind so that references are learned, and their labels."""
    made: dict[Input, list[Record]] = {source: [] for source in Input}
    size = draw(st.integers(10, 40))
    usual = draw(st.lists(st.tuples(features, answers, scores, answers), min_size=1, max_size=3))
    for number in range(size):
        now_ms = START_MS + 200 * number
        given_features, answer, score, label = usual[number % len(usual)]
        if draw(st.integers(0, 3)) == 0:
            given_features, answer, score, label = draw(features), draw(answers), draw(scores), draw(answers)
        failed = draw(st.integers(0, 9)) == 0
        prediction: dict[str, Any] = {
            "prediction_id": draw(st.sampled_from([f"p{number}", "p0", "é" * 60])),
            "model": draw(st.sampled_from(["fraud", "fraud", "fraud", "\U0001f600"])),
            "version": draw(st.sampled_from(["1", "1", "1", "2", "3"])),
            "timestamp": now_ms + draw(st.sampled_from([0, 0, 0, 3_500_000, -2_500_000_000])),
            "features": given_features,
            "prediction": None if failed else answer,
            "error": draw(texts) if failed else None,
            "scores": score,
            "latency_ms": draw(st.none() | finite),
            "attributions": draw(st.dictionaries(texts, finite, max_size=2)),
            "embedding": draw(st.lists(finite, max_size=2)),
            "tags": draw(st.dictionaries(texts, texts, max_size=2)),
        }
        feedback: dict[str, Any] = {
            "prediction_id": prediction["prediction_id"],
            "model": prediction["model"],
            "label": label,
            "weight": draw(weights),
            "timestamp": now_ms + 50,
        }
        for source, event in ((Input.PREDICTIONS, prediction), (Input.FEEDBACK, feedback)):
            if source is Input.FEEDBACK and draw(st.integers(0, 4)) == 0:
                continue
            stamp = now_ms + (draw(stamps) if draw(st.integers(0, 9)) == 0 else 0)
            value = json.dumps(event).encode()
            made[source].append(Record(len(made[source]), stamp, value, b"fraud"))
    return made


def run(topics: dict[Input, list[Record]], restarts: bool) -> Owner:
    """All of it, with a restart wherever the state was saved, or without any."""
    owner = Owner(config(), topics)
    for source in Input:
        owner.fetch(source, len(topics[source]))
    end_ms = max(
        (r.timestamp for rows in topics.values() for r in rows if r.timestamp < START_MS + 10**9), default=START_MS
    )
    owner.end(end_ms + 30_000)
    while owner.step():
        if owner.save() and restarts:
            owner.restart()
            owner.end(end_ms + 30_000)
    while owner.save():
        pass
    return owner


# An example takes a tenth of a second, and shrinking one takes thousands.
@pytest.mark.slow
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(inputs())
def test_extreme_but_legal_values_switch_nothing_off_and_survive_every_restart(
    topics: dict[Input, list[Record]],
) -> None:
    once, often = run(topics, restarts=False), run(topics, restarts=True)

    places = once.checkpoints.keys() & often.checkpoints.keys()
    assert len(places) > 1
    for place in places:
        assert once.checkpoints[place] == often.checkpoints[place]
    assert once.once(Output.ALERTS) == often.once(Output.ALERTS)
    assert once.once(Output.METRICS) == often.once(Output.METRICS)
    read = sum(once.partition.counts[name] for name in ("predictions", "labels"))
    assert read + len(once.letters) == sum(map(len, topics.values())), "each record is counted, or a dead letter"
    for record in once.once(Output.ALERTS):
        assert record.value is not None
        assert decode_alert(record.value).labels["alertname"] != "MonitorBroken"
