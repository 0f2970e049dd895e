"""A model that has been quiet for long is packed into the bytes of its state, which decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from driftbell.streams.monitors.service.latency import Latency
from driftbell.streams.partition.packed import packed_model
from driftbell.streams.partition.packed.packed_model import PackedModel
from driftbell.streams.partition.partition import Partition
from driftbell.streams.records import Input, Output, Record
from tests.streams.partition.owner import Owner
from tests.streams.partition.story import END_MS, START_MS, config, inputs

MINUTE_MS = 60_000


def at_work(partition: Partition) -> Mapping[str, Any]:
    return partition._models.at_work


def told(owner: Owner) -> dict[Output, list[Any]]:
    return {output: owner.once(output) for output in Output}


def run(seed: int, *, restarts: bool = False) -> Owner:
    owner = Owner(config(), inputs(seed, 200))
    step = 0
    for source in Input:
        owner.fetch(source, 10_000)
        owner.partition.advance_watermark(source, END_MS)
    while owner.step():
        step += 1
        if step % 5 == 0 and owner.save() and restarts:
            owner.restart()
            for source in Input:
                owner.fetch(source, 10_000)
                owner.partition.advance_watermark(source, END_MS)
    owner.finish(END_MS)
    return owner


@pytest.mark.parametrize("seed", [1, 4])
def test_packing_every_model_at_every_save_decides_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    without = {restarts: run(seed, restarts=restarts) for restarts in (False, True)}
    packed: list[str] = []

    def counted(model: Any, state: bytes) -> PackedModel:
        packed.append(model.name)
        return PackedModel(model, state)

    monkeypatch.setattr(packed_model, "PACK_AFTER_MS", 0)
    monkeypatch.setattr("driftbell.streams.partition.models.PackedModel", counted)
    for restarts, once in without.items():
        again = run(seed, restarts=restarts)
        assert told(again) == told(once)
        assert again.saved.models == once.saved.models
        assert again.saved.core == once.saved.core
        assert again.partition.counts == once.partition.counts
    assert len(packed) > 10


def quiet_owner(models: int = 3) -> Owner:
    """So many models with some events each; of the first one more, long after."""
    made = []
    for number in range(models * 200):
        name, time_ms = f"model-{number % models}", START_MS + number * 50
        value = (
            f'{{"prediction_id":"{number}","model":"{name}","version":"1","features":{{"amount":{number % 17}}},'
            f'"prediction":{"true" if number % 3 else "false"},"latency_ms":{5 + number % 7}}}'
        )
        made.append(Record(number, time_ms, value.encode(), name.encode()))
    late = made[0]._replace(offset=len(made), timestamp=START_MS + 10 * MINUTE_MS)
    return Owner(config(forget_models_after=86_400.0), {Input.PREDICTIONS: [*made, late]})


def test_a_quiet_model_is_packed_and_an_event_or_its_time_unpacks_it() -> None:
    owner = quiet_owner()
    owner.finish(START_MS + 10 * MINUTE_MS + 2_000)
    partition = owner.partition

    # Silence was due in the meantime, and is told of all that are silent.
    owner.end(START_MS + 11 * MINUTE_MS)
    owner.run(save=True)
    before = {alert.labels["model"]: alert.labels["alertname"] for alert in partition.active_alerts()}
    for _ in partition.pack_models(6 * MINUTE_MS):
        pass
    assert not at_work(partition)
    assert set(partition.models) == {"model-0", "model-1", "model-2"}
    assert len(partition.models) == 3
    assert "model-1" in partition.models
    assert "model-9" not in partition.models
    assert {alert.labels["model"]: alert.labels["alertname"] for alert in partition.active_alerts()} == before != {}

    assert partition.models["model-1"].name == "model-1"
    assert set(at_work(partition)) == {"model-1"}


def test_after_a_restart_only_those_are_unpacked_that_were_not_quiet() -> None:
    owner = quiet_owner()
    owner.finish(START_MS + 10 * MINUTE_MS + 2_000)
    blobs, silent = dict(owner.saved.models), {a.labels["model"] for a in owner.partition.active_alerts()}
    owner.restart()

    partition = owner.partition
    assert set(partition.models) == {"model-0", "model-1", "model-2"}
    assert {alert.labels["model"] for alert in partition.active_alerts()} == silent
    for model in ("model-0", "model-1", "model-2"):
        assert partition.models[model].state() == blobs[model]


def test_models_that_gather_or_are_not_saved_are_not_packed() -> None:
    owner = quiet_owner()
    owner.end(START_MS + 1_000)
    owner.run()
    partition = owner.partition
    assert any(model.dirty for model in partition.models.values())
    for _ in partition.pack_models(60 * MINUTE_MS):
        pass

    assert all(not model.dirty for name in partition._models.packed for model in [partition.models[name]])
    assert at_work(partition)


@pytest.mark.usefixtures("broken_monitors")
def test_a_part_that_cannot_be_unpacked_begins_again_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = quiet_owner()
    owner.finish(START_MS + 9 * MINUTE_MS)
    for _ in owner.partition.pack_models(60 * MINUTE_MS):
        pass
    assert not at_work(owner.partition)

    def broken(self: Latency, state: object) -> Any:
        raise ValueError("no such bins")

    monkeypatch.setattr(Latency, "restore", broken)
    owner.finish(START_MS + 12 * MINUTE_MS)
    owner.inputs = {
        **owner.inputs,
        Input.PREDICTIONS: [
            *owner.inputs[Input.PREDICTIONS],
            owner.inputs[Input.PREDICTIONS][-1]._replace(
                offset=len(owner.inputs[Input.PREDICTIONS]), timestamp=START_MS + 13 * MINUTE_MS
            ),
        ],
    }
    owner.finish(START_MS + 14 * MINUTE_MS)

    damaged = [a for a in owner.partition.active_alerts() if a.labels["alertname"] == "StateDamaged"]
    assert len(damaged) == 1
    assert "model-0: latency" in damaged[0].annotations["summary"]


def test_the_room_for_models_counts_those_that_are_packed() -> None:
    owner = quiet_owner(3)
    owner.finish(START_MS + 9 * MINUTE_MS)
    for _ in owner.partition.pack_models(60 * MINUTE_MS):
        pass

    assert owner.partition._models.admit("one-more") is None
