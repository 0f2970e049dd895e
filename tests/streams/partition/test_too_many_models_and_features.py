"""An id in the name of a model or of a feature: what is not watched for it is counted and told, with the fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.schemas import Alert, DeadLetterReason
from driftbell.schemas.codec import decode_alert
from driftbell.streams.partition.summary import unwatched_models
from driftbell.streams.records import Input, Output, Record
from driftbell.streams.reference.unplaced import QUIET_MS
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
GAP_MS = 100
EVENTS = 600
#: Long enough that all is over.
AFTER_S = 800.0


def owner_of(events: list[dict[str, Any]], **reference: Any) -> Owner:
    config = Config(
        worker=Worker(max_models_per_partition=5, tick=1.0),
        monitoring=Monitoring(reference=Reference(events=100, **{"max_features": 8, **reference}), metrics_window=10.0),
    )
    made = []
    for number, event in enumerate(events):
        value = {"prediction_id": str(number), "model": "fraud", "version": "1", "prediction": number % 2 == 0, **event}
        made.append(Record(number, START_MS + number * GAP_MS, json.dumps(value).encode(), value["model"].encode()))
    return Owner(config, {Input.PREDICTIONS: made})


def told(owner: Owner, alertname: str) -> list[Alert]:
    alerts = [decode_alert(record.value) for record in owner.once(Output.ALERTS) if record.value is not None]
    return [alert for alert in alerts if alert.labels["alertname"] == alertname]


def finish(owner: Owner, after_s: float = AFTER_S) -> Owner:
    owner.finish(START_MS + round(after_s * 1000))
    return owner


def test_models_without_room_are_dead_letters_an_alert_and_in_the_status() -> None:
    owner = owner_of([{"model": f"customer-{number:05}"} for number in range(EVENTS)])
    finish(owner, EVENTS * GAP_MS / 1000 + 5)

    (firing,) = told(owner, "TooManyModels")
    assert len(owner.letters) == EVENTS - 5
    assert {letter.reason for letter in owner.letters} == {DeadLetterReason.TOO_MANY_MODELS}
    assert "customer-00005" in firing.annotations["summary"]
    assert "worker.max_models_per_partition" in firing.annotations["summary"]
    assert firing.evidence.reason == "too_many_models"
    assert firing.labels["model"] == "driftbell"
    crowd = unwatched_models(owner.saved.core or b"")
    assert crowd is not None
    assert crowd.models == pytest.approx(EVENTS - 5, rel=0.2)
    assert (crowd.records, crowd.examples[0]) == (EVENTS - 5, "customer-00005")

    owner = finish(owner)
    assert [alert.status for alert in told(owner, "TooManyModels")] == ["firing", "resolved"]
    assert unwatched_models(owner.saved.core or b"") is None


def test_a_model_that_has_room_says_nothing() -> None:
    owner = finish(owner_of([{"model": f"customer-{number % 5}"} for number in range(EVENTS)]))

    assert not owner.letters
    assert unwatched_models(owner.saved.core or b"") is None
    assert told(owner, "TooManyModels") == []


def wide(number: int, features: int = 40) -> dict[str, Any]:
    return {"features": {f"f{at:02}": (number * 31 + at) % 17 / 7 for at in range(features)}}


MISTAKES = {
    "as many in each event": [wide(number) for number in range(EVENTS)],
    "a name of its own in each event": [
        {"features": {"amount": number % 7, f"user-{number:04}": 1.0}} for number in range(EVENTS)
    ],
    "names that come later": [
        {"features": {"amount": number % 7, **({f"user-{number:04}": 1.0} if number > 300 else {})}}
        for number in range(EVENTS)
    ],
}


@pytest.mark.parametrize(
    ("mistake", "names", "example", "events"),
    [
        ("as many in each event", 32, "'f08'", EVENTS),
        ("a name of its own in each event", EVENTS - 7, "'user-0007'", EVENTS - 7),
        ("names that come later", EVENTS - 301 - 8, "'user-0309'", EVENTS - 301 - 8),
    ],
)
@pytest.mark.parametrize("new_features", ["list", "relearn"])
def test_features_without_room_are_an_alert_that_ends(
    mistake: str, names: int, example: str, events: int, new_features: str
) -> None:
    owner = finish(owner_of(MISTAKES[mistake], new_features=new_features))

    first, last = told(owner, "TooManyFeatures")
    assert (first.status, last.status) == ("firing", "resolved")
    assert first.labels["model"] == "fraud"
    assert first.evidence.reason == "too_many_features"
    summary = last.annotations["summary"]
    assert example in summary
    assert "monitoring.reference.max_features" in summary
    assert last.evidence.window_events == events
    assert last.evidence.value == pytest.approx(names, rel=0.2)
    assert not owner.letters


def test_few_features_and_few_new_ones_raise_nothing() -> None:
    events = [wide(number, 5 if number < 300 else 8) for number in range(EVENTS)]

    assert told(finish(owner_of(events)), "TooManyFeatures") == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_restarts_and_fetches_decide_nothing(mistake: str) -> None:
    def run(chunk: int) -> Owner:
        owner = owner_of(MISTAKES[mistake][:400] + [{"model": f"customer-{number}"} for number in range(50)])
        while chunk and owner.fetch(Input.PREDICTIONS, chunk):
            for source in Input:
                owner.advance_watermark(source)
            owner.run()
            if owner.save():
                owner.restart()
        return finish(owner)

    once = run(0)
    for again in (run(7), run(64)):
        assert again.once(Output.ALERTS) == once.once(Output.ALERTS)
        assert again.saved.models == once.saved.models
        assert again.saved.core == once.saved.core


def test_it_ends_when_no_more_have_come_for_so_long() -> None:
    owner = finish(owner_of(MISTAKES["as many in each event"]), EVENTS * GAP_MS / 1000 + QUIET_MS / 1000 - 2)
    assert [alert.status for alert in told(owner, "TooManyFeatures")] == ["firing"]
