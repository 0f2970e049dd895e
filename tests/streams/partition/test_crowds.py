"""A producer that names a version, or a variant, for each request: nothing of the model is lost, and an alert says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.schemas import Alert, Metric
from driftbell.schemas.codec import decode_alert, decode_metric
from driftbell.streams.partition.crowd import Versions
from driftbell.streams.records import Input, Output, Record
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
EVENTS = 600
GAP_MS = 100
KEEP_S = 120.0


def config() -> Config:
    return Config(
        worker=Worker(max_subjects_per_model=4, max_variants_per_model=3, keep_versions=KEEP_S, tick=1.0),
        monitoring=Monitoring(reference=Reference(events=100), metrics_window=10.0),
    )


def prediction(number: int, **names: str) -> bytes:
    event = {
        "prediction_id": str(number),
        "model": "fraud",
        "version": "1",
        "features": {"amount": number % 7},
        "prediction": number % 2 == 0,
        "error": "timeout" if number % 10 == 0 else None,
        **names,
    }
    return json.dumps(event).encode()


def label(number: int) -> bytes:
    return json.dumps({"prediction_id": str(number), "model": "fraud", "label": number % 4 == 0}).encode()


def owner_of(*predictions: bytes, labels: int = 0) -> Owner:
    made = [Record(i, START_MS + i * GAP_MS, value, b"fraud") for i, value in enumerate(predictions)]
    known = [Record(i, START_MS + i * GAP_MS + 5_000, label(i), b"fraud") for i in range(labels)]
    return Owner(config(), {Input.PREDICTIONS: made, Input.FEEDBACK: known})


def told(owner: Owner) -> list[Alert]:
    alerts = [decode_alert(record.value) for record in owner.once(Output.ALERTS) if record.value is not None]
    return [alert for alert in alerts if alert.labels["alertname"].startswith("TooMany")]


def windows(owner: Owner) -> list[Metric]:
    """The last record of each window of each subject."""
    last: dict[Any, Metric] = {}
    for record in owner.once(Output.METRICS):
        metric = decode_metric(record.value or b"")
        last[metric.version, metric.variant, metric.window_start] = metric
    return list(last.values())


def finish(owner: Owner, after_s: float = 80.0) -> Owner:
    owner.finish(START_MS + round(after_s * 1000))
    return owner


MISTAKES = {
    "version": [{"version": f"commit-{number:05}"} for number in range(EVENTS)],
    "variant": [{"variant": f"user-{number:05}"} for number in range(EVENTS)],
    "both": [{"version": f"commit-{number:05}", "variant": f"user-{number % 50:05}"} for number in range(EVENTS)],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_prediction_label_and_failure_is_still_seen(mistake: str) -> None:
    owner = finish(owner_of(*(prediction(i, **names) for i, names in enumerate(MISTAKES[mistake])), labels=EVENTS))

    seen = windows(owner)
    assert sum(metric.predictions for metric in seen) == EVENTS
    failures = sum(metric.values["failures"] for metric in seen)
    assert failures == EVENTS // 10
    assert sum(metric.labels for metric in seen) == EVENTS
    assert owner.partition.counts["labels_of_retired_subjects"] == 0
    assert not owner.letters
    accurate = [metric for metric in seen if "accuracy_score" in metric.values]
    assert any("other" in (metric.version, metric.variant) for metric in accurate)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_kept_does_not_grow_with_the_names(mistake: str) -> None:
    owner = finish(owner_of(*(prediction(i, **names) for i, names in enumerate(MISTAKES[mistake]))))

    (model,) = owner.partition.models.values()
    most = 4 + 3 + 2
    assert len(model.subjects) <= most
    assert len(owner.partition._join._subjects.by_number) <= most
    records = len(owner.once(Output.METRICS))
    assert records <= most * EVENTS * GAP_MS / 10_000, "a record for each window, not for each event"


@pytest.mark.parametrize(
    ("mistake", "alertname", "example"),
    [("version", "TooManyVersions", "commit-00004"), ("variant", "TooManyVariants", "user-00003")],
)
def test_an_alert_names_examples_how_many_and_the_fix_and_ends(mistake: str, alertname: str, example: str) -> None:
    owner = finish(owner_of(*(prediction(i, **names) for i, names in enumerate(MISTAKES[mistake]))), after_s=600)

    first, last = told(owner)
    assert (first.status, last.status) == ("firing", "resolved")
    assert first.labels["alertname"] == last.labels["alertname"] == alertname
    assert first.labels["model"] == "fraud"
    assert example in first.annotations["summary"]
    assert f"worker.max_{'subjects' if mistake == 'version' else 'variants'}_per_model" in first.annotations["summary"]
    assert last.evidence.value == pytest.approx(EVENTS, rel=0.2)


def test_a_version_that_stays_is_watched_by_itself_through_the_storm() -> None:
    names = [{"version": "1" if number % 3 else f"commit-{number}"} for number in range(EVENTS)]
    owner = finish(owner_of(*(prediction(i, **n) for i, n in enumerate(names))))

    own = sum(metric.predictions for metric in windows(owner) if metric.version == "1")
    assert own == sum(number % 3 > 0 for number in range(EVENTS))


def test_versions_deployed_one_after_another_each_get_a_place() -> None:
    # One an hour in small: a version is unused for longer than it keeps its place when the fifth comes.
    names = [f"v{number // 600}" for number in range(6_000)]
    owner = finish(owner_of(*(prediction(i, version=name) for i, name in enumerate(names))), after_s=610)

    assert told(owner) == []
    seen = {metric.version for metric in windows(owner)}
    assert seen == {f"v{number}" for number in range(10)}


def test_live_has_a_place_whatever_came_before() -> None:
    names = [{"variant": f"user-{number}"} for number in range(100)] + [{}] * 10
    owner = finish(owner_of(*(prediction(i, **n) for i, n in enumerate(names))))

    assert sum(metric.predictions for metric in windows(owner) if metric.variant == "live") == 10


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_restarts_and_fetches_decide_nothing(mistake: str, chunk: int) -> None:
    values = [prediction(i, **names) for i, names in enumerate(MISTAKES[mistake][:200])]
    # A pause in which places become free, then more of it.
    values += [prediction(1000 + i, **names) for i, names in enumerate(MISTAKES[mistake][300:400])]

    def run(*, restarts: bool) -> Owner:
        owner = owner_of(*values)
        late = [
            r._replace(timestamp=r.timestamp + (r.offset >= 200) * 150_000) for r in owner.inputs[Input.PREDICTIONS]
        ]
        owner.inputs = {**owner.inputs, Input.PREDICTIONS: late}
        while restarts and owner.fetch(Input.PREDICTIONS, chunk):
            for source in Input:
                owner.advance_watermark(source)
            owner.run()
            if owner.save(publish=chunk > 1):
                owner.restart()
        return finish(owner, after_s=600)

    once, again = run(restarts=False), run(restarts=True)
    assert again.once(Output.ALERTS) == once.once(Output.ALERTS)
    assert again.once(Output.METRICS) == once.once(Output.METRICS)
    assert again.saved.models == once.saved.models
    assert again.saved.core == once.saved.core


def test_the_number_of_names_is_exact_while_few_and_near_when_many() -> None:
    for names in (1, 17, 255, 1_000, 50_000):
        crowd = Versions(1000, 16)
        for number in range(names):
            for _ in range(2):
                crowd.note(f"commit-{number}", 5)
        assert crowd.names == pytest.approx(names, rel=0.2 if names > 255 else 0)
        assert len(str(crowd.state())) < 10_000
