"""What raises, or cannot be read, is switched off or left out for its subject; the rest of the partition goes on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.runtime.config.model import Config, Join, Monitoring, Reference, Worker
from driftbell.schemas import Alert, decode_alert, decode_metric
from driftbell.streams.alerts.lifecycle import Lifecycle
from driftbell.streams.encoding import pack, unpack
from driftbell.streams.monitors.service.failure_rate import FailureRate
from driftbell.streams.partition.model import MODEL_FORMAT
from driftbell.streams.records import Input, Output, Record
from driftbell.streams.reference import Reference as LearnedReference
from driftbell.streams.windows import MetricWindows
from tests.services.missing import missing
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
SHARED = Path(__file__).parents[4] / "shared" / "cases"


def config() -> Config:
    return Config(
        worker=Worker(batch_events=8),
        join=Join(horizon=60),
        monitoring=Monitoring(reference=Reference(events=20, labels=20), metrics_window=2.0),
    )


def inputs(seconds: int = 20, models: tuple[str, ...] = ("fraud", "churn")) -> dict[Input, list[Record]]:
    """Ten predictions a second with their labels, in turn of the models."""
    made: dict[Input, list[Record]] = {source: [] for source in Input}
    for number in range(10 * seconds):
        now_ms, model = START_MS + 100 * number, models[number % len(models)]
        about = {"prediction_id": str(number), "model": model, "timestamp": now_ms}
        prediction = about | {"version": "1", "features": {"amount": number % 7}, "prediction": number % 3 == 0}
        for source, event in ((Input.PREDICTIONS, prediction), (Input.FEEDBACK, about | {"label": True})):
            made[source].append(Record(number, now_ms, json.dumps(event).encode(), model.encode()))
    return made


def whole(owner: Owner) -> Owner:
    owner.finish(START_MS + 60_000)
    return owner


def half_way(given: dict[Input, list[Record]] | None = None) -> Owner:
    """Half of everything is read and saved."""
    owner = Owner(config(), given or inputs())
    for source in Input:
        owner.fetch(source, 100)
        owner.partition.advance_watermark(source, owner.inputs[source][100].timestamp)
    owner.run(save=True)
    assert owner.saved.models
    return owner


def firing(owner: Owner) -> list[Alert]:
    return [a for r in owner.once(Output.ALERTS) if (a := decode_alert(r.value or b"")).status == "firing"]


def broken(owner: Owner) -> set[tuple[str, str]]:
    """Model and part of what is said to be switched off."""
    return {(a.labels["model"], a.labels["monitor"]) for a in firing(owner) if a.labels["alertname"] == "MonitorBroken"}


def published(owner: Owner, model: str) -> int:
    """Windows of a model that were published."""
    return sum(decode_metric(r.value or b"").model == model for r in owner.once(Output.METRICS))


def of_fraud(method: Any) -> Any:
    """The method, which raises for the model fraud."""

    def raises(self: Any, *given: Any, **named: Any) -> Any:
        subject = getattr(self, "subject", None) or getattr(getattr(self, "context", None), "subject", None)
        if (subject or given[0]).model == "fraud":
            raise OverflowError("intermediate overflow in fsum")
        return method(self, *given, **named)

    return raises


def edited(blob: bytes, change: Any) -> bytes:
    """A model's blob with its first subject's state changed in place."""
    state: Any = MODEL_FORMAT.decode(blob)
    change(state["subjects"][0])
    return MODEL_FORMAT.encode(state)


@pytest.mark.usefixtures("broken_monitors")
@pytest.mark.parametrize("method", ["on_predictions", "on_labels", "collect", "due_ms", "state"])
def test_metric_windows_that_raise_are_switched_off_for_their_model_and_all_else_goes_on(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(MetricWindows, method, of_fraud(getattr(MetricWindows, method)))
    owner = whole(Owner(config(), inputs()))

    assert broken(owner) == {("fraud", "metric_windows")}
    assert owner.partition.counts["predictions"] == owner.partition.counts["labels"] == 200
    assert published(owner, "churn") >= 9
    monkeypatch.undo()
    owner.restart()
    assert owner.partition.active_alerts(), "it stays switched off, and says so, after a restart"


@pytest.mark.usefixtures("broken_monitors")
def test_a_reference_that_raises_is_switched_off_for_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    learn = LearnedReference.learn

    def raises(self: LearnedReference, batch: Any) -> None:
        if batch.events[0].model == "fraud":
            raise ValueError("a bug")
        learn(self, batch)

    monkeypatch.setattr(LearnedReference, "learn", raises)
    owner = whole(Owner(config(), inputs()))

    assert broken(owner) == {("fraud", "reference")}
    assert published(owner, "fraud") == published(owner, "churn")


@pytest.mark.usefixtures("broken_monitors")
def test_alerts_that_raise_leave_one_alert_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    observe = Lifecycle.observe

    def raises(self: Lifecycle, subject: Any, conditions: Any, *given: Any, **named: Any) -> Any:
        if subject.model == "fraud" and subject.version and not any(c.alertname == "MonitorBroken" for c in conditions):
            raise ValueError("a bug")
        return observe(self, subject, conditions, *given, **named)

    monkeypatch.setattr(Lifecycle, "observe", raises)
    owner = whole(Owner(config(), inputs()))

    assert broken(owner) == {("fraud", "alerts")}
    assert owner.partition.counts["predictions"] == 200


@pytest.mark.usefixtures("broken_monitors")
def test_words_that_cannot_be_made_hold_no_alert_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_words(*_: Any) -> str:
        raise ValueError("outside of the years 1 to 9999")

    monkeypatch.setattr(FailureRate, "on_predictions", of_fraud(FailureRate.on_predictions))
    monkeypatch.setattr("driftbell.streams.alerts.lifecycle.sentence", no_words)
    monkeypatch.setattr("driftbell.streams.alerts.lifecycle.description", no_words)
    owner = whole(Owner(config(), inputs()))

    (alert,) = [a for a in firing(owner) if a.labels["alertname"] == "MonitorBroken"]
    assert alert.annotations["summary"] == "fraud v1: MonitorBroken"


@pytest.mark.usefixtures("broken_monitors")
def test_a_state_that_cannot_be_written_is_switched_off_at_the_save(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FailureRate, "state", lambda _self: {"set": {1, 2}})
    owner = whole(Owner(config(), inputs()))

    assert {monitor for _, monitor in broken(owner)} <= {"failure_rate"}
    owner.restart()
    assert {m for a in owner.partition.active_alerts() if (m := a.labels.get("monitor"))} <= {"failure_rate"}
    assert owner.partition.models.keys() == {"fraud", "churn"}


def damaged_parts() -> Iterator[Any]:
    """Ways to damage one subject's state, with what is then left out."""

    def windows(state: Any) -> None:
        state["windows"] = {"width": 2000}

    def window(state: Any) -> None:
        state["windows"]["open"] = [b"\xc1"]

    def reference(state: Any) -> None:
        state["watch"]["reference"] = {"events": "many"}

    def monitor(state: Any) -> None:
        state["watch"]["monitors"]["failure_rate"] = {"rates": None}

    yield pytest.param(windows, "fraud: metric_windows", id="the windows")
    yield pytest.param(window, "fraud: metric_windows", id="one window")
    yield pytest.param(reference, "fraud: reference", id="the reference")
    yield pytest.param(monitor, "fraud: failure_rate", id="a monitor")


@pytest.mark.usefixtures("broken_monitors")
@pytest.mark.parametrize(("damage", "left_out"), list(damaged_parts()))
def test_a_damaged_part_begins_again_is_said_and_leaves_the_rest_as_it_was(damage: Any, left_out: str) -> None:
    owner = half_way()
    owner.saved.models["fraud"] = edited(owner.saved.models["fraud"], damage)
    owner.restart()

    assert owner.partition.left_out == [left_out]
    assert set(owner.partition.models) == {"fraud", "churn"}
    undamaged = whole(half_way())
    whole(owner)
    assert owner.saved.models["churn"] == undamaged.saved.models["churn"]
    assert owner.partition.counts["predictions"] == 200
    (alert,) = [a for a in firing(owner) if a.labels["alertname"] == "StateDamaged"]
    assert left_out in alert.annotations["summary"]


def test_a_damaged_model_begins_again_under_higher_episodes_and_the_others_are_as_they_were() -> None:
    owner = half_way()
    owner.saved.models["fraud"] = owner.saved.models["fraud"][:-9]
    highest = owner.partition._models.highest_episode
    owner.restart()

    assert owner.partition.left_out == ["fraud"]
    whole(owner)
    assert owner.partition.models["fraud"].last_episode >= highest
    assert owner.saved.models["churn"] == whole(half_way()).saved.models["churn"]
    assert [a.labels["alertname"] for a in firing(owner)].count("StateDamaged") == 1


def test_the_alert_about_damage_ends_and_is_as_if_it_had_never_been() -> None:
    owner = half_way()
    owner.saved.models["fraud"] = b"\x00"
    owner.restart()
    owner.finish(START_MS + 20 * 60_000)

    statuses = [a.status for r in owner.once(Output.ALERTS)
                if (a := decode_alert(r.value or b"")).labels["alertname"] == "StateDamaged"]  # fmt: skip
    assert statuses == ["firing", "resolved"]


def test_a_window_poisoned_by_an_earlier_release_loads_and_is_published_without_what_overflows() -> None:
    owner = half_way()

    def poison(state: Any) -> None:
        packed = []
        for window in state["windows"]["open"]:
            fields: Any = unpack(window)
            if "c" in fields[5]:
                for cell in fields[5]["c"][1]:
                    cell[3] = 1.7e308
            packed.append(pack(fields))
        state["windows"]["open"] = packed

    owner.saved.models["fraud"] = edited(owner.saved.models["fraud"], poison)
    owner.restart()
    whole(owner)

    assert owner.partition.left_out == []
    assert broken(owner) == set()
    assert published(owner, "fraud") >= 9


def test_two_heavy_labels_stop_no_worker() -> None:
    path = SHARED / "F01_two_heavy_labels.jsonl.gz"
    if not path.exists():
        missing("../shared/cases", "these inputs are not part of the repository")
    made: dict[Input, list[Record]] = {source: [] for source in Input}
    with gzip.open(path, "rb") as lines:
        for line in lines:
            event = json.loads(line)
            source = Input.FEEDBACK if "label" in event else Input.PREDICTIONS
            made[source].append(Record(len(made[source]), event["timestamp"], line.strip(), b"m"))
    owner = Owner(config(), made)
    owner.finish(max(r.timestamp for rows in made.values() for r in rows) + 60_000)

    assert broken(owner) == set()
    good = owner.partition.counts["predictions"] + owner.partition.counts["labels"]
    assert good + len(owner.letters) == sum(map(len, made.values()))
