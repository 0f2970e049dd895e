"""The fleet at a glance: who holds what, how far behind, and what is wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from driftbell.errors import CommandError
from driftbell.not_watched import NOT_TYPICAL, WHY_NOT
from driftbell.runtime.config.model import Config
from driftbell.status import lines
from driftbell.status.fleet import fleet
from driftbell.status.gather import MODELS_SHOWN, _models
from driftbell.streams.checkpoints.checkpoint import Checkpoint, PartitionStatus
from driftbell.streams.checkpoints.memory import MemoryCheckpointStore
from driftbell.streams.join import JoinDelta
from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.partition.summary import WatchSummary
from driftbell.streams.reference import Caveat, Unwatched


def core(pending: int, over: int) -> bytes:
    """A checkpoint with so many predictions that wait, and so many whose horizon has passed."""
    slots = [[0, 1000, True, [[0, over]]], [1, 2000, False, [[0, pending - 1], [1, 1]]]]
    return CORE_FORMAT.encode({"join": {"slots": slots}})


def status(partition: int, owner: str, *, age: float = 0.4, **offsets: int) -> PartitionStatus:
    return PartitionStatus(
        partition=partition,
        generation=3,
        owner=owner,
        offsets=offsets,
        age_seconds=age,
        models=2,
        memory_bytes=3 * 2**20,
        core=core(500, 7),
    )


ENDS = {(name, partition): 1000 for name in ("predictions", "feedback") for partition in range(3)}


def test_lag_counts_what_is_not_in_a_checkpoint() -> None:
    seen = fleet("g", ENDS, {0: status(0, "a/1", predictions=1000, feedback=990)})

    assert seen.partitions[0].lag == {"predictions": 0, "feedback": 10}
    assert seen.partitions[1].lag == {"predictions": 1000, "feedback": 1000}
    assert seen.lag == 10 + 4 * 1000


def test_an_offset_beyond_the_end_is_no_negative_lag() -> None:
    seen = fleet("g", ENDS, {0: status(0, "a/1", predictions=1500, feedback=1000)})

    assert seen.partitions[0].lag == {"predictions": 0, "feedback": 0}


def test_workers_are_listed_with_what_they_hold() -> None:
    seen = fleet("g", ENDS, {0: status(0, "a/1"), 1: status(1, "b/2"), 2: status(2, "a/1")})

    assert {owner: [one.partition for one in held] for owner, held in seen.workers.items()} == {
        "a/1": [0, 2],
        "b/2": [1],
    }


def test_the_text_names_partitions_without_a_worker_and_stale_checkpoints() -> None:
    text = "\n".join(lines(fleet("g", ENDS, {0: status(0, "a/1"), 1: status(1, "b/2", age=95.0)})))

    assert "group g: 2 workers, 3 partitions, lag 6,000, 1,000 predictions awaiting a label, 6.0 MiB in Redis" in text
    assert "no worker has ever claimed partitions 2" in text
    assert "partitions 1 were last heard of over 30 s ago" in text


def test_a_fleet_that_is_well_gets_no_warning() -> None:
    seen = fleet("g", ENDS, {index: status(index, "a/1", predictions=1000, feedback=1000) for index in range(3)})

    assert "claimed" not in "\n".join(lines(seen))
    assert "ago" not in "\n".join(lines(seen))


def test_pending_counts_predictions_that_may_still_get_their_label() -> None:
    seen = fleet("g", ENDS, {0: status(0, "a/1")})

    assert seen.partitions[0].pending_predictions == 500


def test_problems_are_empty_only_if_every_partition_is_held_and_saved() -> None:
    held = {index: status(index, "a/1") for index in range(3)}

    assert fleet("g", ENDS, held).problems == []
    assert fleet("g", ENDS, {0: held[0], 1: held[1]}).problems != []
    assert fleet("g", ENDS, held | {2: status(2, "a/1", age=31.0)}).problems != []


def test_a_partition_that_is_held_and_was_never_saved_has_a_worker() -> None:
    held = {index: status(index, "a/1") for index in range(3)}
    fresh = PartitionStatus(
        partition=2, generation=3, owner="b/2", offsets={}, age_seconds=4.0, models=0, memory_bytes=100, core=b""
    )

    seen = fleet("g", ENDS, held | {2: fresh})

    assert seen.partitions[2].owner == "b/2"
    assert seen.partitions[2].pending_predictions == 0
    assert seen.problems == []


def test_models_for_which_there_is_no_room_are_counted_and_named() -> None:
    crowd = {
        "first": ["customer-1", "customer-\x1b2"],
        "hashes": [1, 5, 9],
        "events": 12_345,
        "start_ms": 1,
        "last_ms": 2,
    }
    blob = CORE_FORMAT.encode({"join": {"slots": []}, "too_many_models": {"shown": {}, "crowd": crowd}})
    held = {index: status(index, "a/1", predictions=1000, feedback=1000) for index in range(3)}
    held[1] = dataclasses.replace(held[1], core=blob)
    (problem,) = fleet("g", ENDS, held).problems

    assert problem.startswith("partition 1 has no room for about 3 models, such as customer-1, customer-")
    assert "12,345 of their records are dead letters" in problem
    assert "worker.max_models_per_partition" in problem
    assert "\x1b" not in problem


def summary(version: str, **changes: Any) -> WatchSummary:
    known = {"model": "fraud", "version": version, "variant": "live", "learned": True, "predictions_learned": 5000}
    return WatchSummary(**{**known, "predictions_needed": 5000, **changes})


def test_the_text_says_of_each_model_what_is_not_watched_and_why() -> None:
    models = [
        summary("1"),
        summary("2", unwatched={"user": "high_cardinality", "id": "monotonic", "mail": "high_cardinality"}),
        summary("3", reference_caveats=["too_small", "shorter_than_a_day"]),
        summary("4", learned=False, predictions_learned=1200),
        summary("5", switched_off={"feature_drift": "ValueError: x"}),
        summary("", variant="", learned=False, unreadable="a checksum is wrong"),
    ]
    held = {index: status(index, "a/1", predictions=1000, feedback=1000) for index in range(3)}
    text = list(lines(fleet("g", ENDS, held, models, 9_000)))

    assert text[text.index("1 of 6 model versions watched in full") + 1 :] == [
        "  fraud 2 live: drift of mail, user not watched: too many distinct values, so it is an identifier rather than a "
        "category",
        "  fraud 2 live: drift of id not watched: it only ever grows or falls, as a counter or a time does",
        "  fraud 3 live: what was learned may not be typical: fewer than 1,000 predictions, so only large changes are seen; "
        "raise `monitoring.reference.events`",
        "  fraud 3 live: what was learned may not be typical: less than a day of events, so what changes with the hour looks "
        "like a change; raise `monitoring.reference.events`",
        "  fraud 4 live: learns what is normal (1,200 of 5,000 predictions), and is not watched for drift yet",
        "  fraud 5 live: feature drift failed and is switched off (ValueError: x)",
        "  fraud: its state cannot be read (a checksum is wrong)",
        "  9,000 more models not looked into: see `driftbell status --model NAME`",
    ]


async def test_models_are_looked_into_up_to_a_bound_or_by_name() -> None:
    store, config = MemoryCheckpointStore(lambda: 0.0), Config()
    for partition in range(2):
        await store.claim(partition, 1, "me", stale_after=60)
        models = {f"m{partition}{number:02}": b"rubbish" for number in range(40)}
        await store.save(partition, 1, 1, Checkpoint({}, b"", models, JoinDelta(), []))
    known = await store.status(range(2))

    first, left_out = await _models(config, store, known, ())
    named, none_left_out = await _models(config, store, known, ["m139", "m000"])

    assert ([one.model for one in first][-1], len(first), left_out) == ("m109", MODELS_SHOWN, 30)
    assert ([one.model for one in named], none_left_out) == (["m000", "m139"], 0)
    with pytest.raises(CommandError, match="no partition knows a model 'absent'"):
        await _models(config, store, known, ["m000", "absent"])


def test_every_reason_and_caveat_has_words_for_people() -> None:
    assert WHY_NOT.keys() == set(Unwatched)
    assert NOT_TYPICAL.keys() == set(Caveat)
