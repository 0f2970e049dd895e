from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.batch import JoinKind
from driftbell.streams.encoding import NewerFormatError, decode, encode, pack
from driftbell.streams.join import JoinOutcome, LabelJoin
from driftbell.streams.subject import Subject
from tests.streams.join.oracle import Oracle
from tests.streams.join.owner import Advance, Label, Owner, Predict, Step, Store

START = 1_790_000_000_000
FRAUD = Subject("fraud", "3", "live")
SHORT = Join(horizon=8.0, slots=4, cache_predictions=1000)


def prediction(name: str = "a", answer: Any = True, model: str = "fraud", **more: Any) -> Prediction:
    return Prediction(prediction_id=name, model=model, version="3", timestamp=0, prediction=answer, **more)


def feedback(name: str = "a", label: Any = True, model: str = "fraud", **more: Any) -> Feedback:
    return Feedback(prediction_id=name, model=model, label=label, timestamp=0, **more)


def count(join: LabelJoin) -> dict[str, int]:
    return {outcome.value: number for outcome, number in join.counts.items() if number}


#: Few, so that most labels meet a prediction; one of them is kept as a digest.
IDS = st.sampled_from(["a", "b", "c", "x" * 41])
MODELS = st.sampled_from(["fraud", "fraud", "fraud", "churn"])
ANSWERS: st.SearchStrategy[Any] = st.sampled_from([True, False, 0.5, "yes", 2**70])
TAGS = st.dictionaries(st.sampled_from(["region", "age"]), st.sampled_from(["eu", "us"]), max_size=2)
SCORES = st.sampled_from([None, 0.25, {"yes": 0.75, "no": 0.25}])


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    now = START + draw(st.integers(0, 3000))
    steps: list[Step] = [Advance(now)]
    for _ in range(draw(st.integers(5, 60))):
        kind = draw(st.sampled_from("pplllpplllt"))
        if kind == "p":
            event = Prediction(
                prediction_id=draw(IDS),
                model=draw(MODELS),
                version=draw(st.sampled_from("12")),
                timestamp=0,
                prediction=draw(st.none() | ANSWERS),
                scores=draw(SCORES),
                tags=draw(TAGS),
            )
            steps.append(Predict(event, now - draw(st.integers(-1000, 90_000))))
        elif kind == "l":
            label = Feedback(
                prediction_id=draw(IDS),
                model=draw(MODELS),
                label=draw(ANSWERS),
                timestamp=0,
                weight=draw(st.sampled_from([1.0, 0.5])),
                tags=draw(TAGS),
            )
            steps.append(Label(label, now - draw(st.integers(0, 1000))))
        else:
            now += draw(st.sampled_from([0, 500, 1000, 1000, 2000, 2000, 5000, 12_000, 60_000]))
            steps.append(Advance(now))
    steps.append(Advance(now + 60_000))
    return steps


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(
    steps=streams(),
    horizon=st.sampled_from([2.0, 8.0, 30.0]),
    slots=st.sampled_from([1, 3, 8]),
    cache=st.sampled_from([1, 2, 5, 1000]),
    cache_bytes=st.sampled_from([1, 60, 100_000]),
    most_waiting=st.sampled_from([1, 2, 100]),
    plan=st.data(),
)
def test_neither_cache_nor_saves_nor_restarts_change_an_outcome(
    steps: list[Step],
    horizon: float,
    slots: int,
    cache: int,
    cache_bytes: int,
    most_waiting: int,
    plan: st.DataObject,
) -> None:
    config = Join(
        horizon=horizon,
        slots=slots,
        cache_predictions=cache,
        cache_bytes=cache_bytes,
        max_waiting_labels=most_waiting,
    )
    oracle = Oracle(config)
    for step in steps:
        match step:
            case Advance(now):
                oracle.advance(now)
            case Predict(event, made):
                oracle.predict(event, made)
            case Label(label, at):
                oracle.label(label, at)
    owner = Owner(config, steps)
    restarts = 0
    while not owner.done:
        action = plan.draw(st.sampled_from(["run"] * 8 + ["take", "take", "save", "save", "prefetch", "restart"]))
        match action:
            case "take":
                owner.take()
            case "save":
                owner.save()
            case "prefetch":
                owner.prefetch(plan.draw(st.integers(1, 12)))
            case "restart" if restarts < 4:
                restarts += 1
                owner.restart()
            case _:
                owner.run(plan.draw(st.integers(1, 4)))
    assert joins(owner.log) == joins(oracle.log)
    assert expiries(owner.log) == expiries(oracle.log)
    assert count(owner.join) == {outcome.value: number for outcome, number in oracle.counts.items()}
    assert owner.join.waiting_labels == len(oracle.waits)
    assert owner.join.pending_predictions == len(oracle.open)
    owner.take()
    while owner.taken:
        owner.save()
    assert set(owner.store.slots) <= set(owner.join.live_slots)
    assert len(owner.store.waiting) == owner.join.waiting_labels


def joins(log: list[Any]) -> list[Any]:
    return [entry for entry in log if not isinstance(entry, dict)]


def expiries(log: list[Any]) -> list[Any]:
    return [entry for entry in log if isinstance(entry, dict)]


def test_a_label_joins_its_prediction() -> None:
    join = LabelJoin(SHORT)
    made = prediction(scores={"yes": 0.9, "no": 0.1}, tags={"region": "eu"})
    assert join.predictions([made], [START - 70], START) == []
    assert join.unknown([feedback()]) == []
    ((subject, event),) = join.labels([feedback(weight=0.5, tags={"age": "old"})], [START + 3], START + 1000)
    assert subject == FRAUD
    assert event.kind is JoinKind.JOINED
    assert (event.prediction, event.scores, event.label, event.weight) == (True, {"yes": 0.9, "no": 0.1}, True, 0.5)
    assert (event.predicted_ms, event.labelled_ms) == (START - 70, START + 3)
    assert event.tags == {"region": "eu", "age": "old"}
    assert join.pending_predictions == 0


def test_a_label_that_comes_first_waits() -> None:
    join = LabelJoin(SHORT)
    assert join.labels([feedback(label=False)], [START], START) == []
    assert join.waiting_labels == 1
    ((_, event),) = join.predictions([prediction()], [START - 5], START + 500)
    assert (event.kind, event.label, event.labelled_ms) == (JoinKind.JOINED, False, START)
    assert count(join) == {"joined": 1, "waiting": 1}
    assert join.waiting_labels == join.pending_predictions == 0


def test_a_second_label_amends_the_first_and_says_what_it_replaces() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction(tags={"region": "eu"})], [START], START)
    join.labels([feedback(label=True)], [START], START)
    ((_, event),) = join.labels([feedback(label=False, weight=2.0, tags={"region": "us"})], [START + 1], START)
    assert (event.kind, event.label, event.weight) == (JoinKind.AMENDED, False, 2.0)
    assert (event.previous_label, event.previous_weight) == (True, 1.0)
    assert event.tags == {"region": "eu"}


def test_the_same_label_again_is_a_duplicate() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction()], [START], START)
    assert len(join.labels([feedback(), feedback(), feedback()], [START] * 3, START)) == 1
    assert count(join) == {"joined": 1, "duplicate": 2}


def test_ids_are_unique_per_model_only() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction(model="fraud"), prediction(model="churn", answer=0.5)], [START] * 2, START)
    ((subject, event),) = join.labels([feedback(model="churn", label=1)], [START], START)
    assert (subject.model, event.prediction) == ("churn", 0.5)


def test_a_prediction_published_again_replaces_the_earlier_one() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction(answer="old")], [START], START)
    join.predictions([prediction(answer="new")], [START + 9], START + 4000)
    ((_, event),) = join.labels([feedback(label="new")], [START], START + 5000)
    assert (event.prediction, event.predicted_ms) == ("new", START + 9)


def test_a_prediction_waits_at_least_the_horizon() -> None:
    width, horizon = 2000, 8000
    for offset in range(0, width, 250):
        join = LabelJoin(SHORT)
        join.predictions([prediction()], [START], START + offset)
        assert len(join.labels([feedback()], [START], START + offset + horizon)) == 1
        late = LabelJoin(SHORT)
        late.predictions([prediction()], [START], START + offset)
        assert late.labels([feedback()], [START], START + offset + horizon + width) == []
        assert count(late) == {"late": 1, "expired": 1}
        assert late.pending_predictions == 0


def test_a_label_long_after_its_prediction_is_gone_is_unmatched() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction()], [START], START)
    join.advance(START + 12_000)
    assert list(join.delta().drop) != []
    join.labels([feedback()], [START], START + 12_000)
    join.advance(START + 30_000)
    assert count(join) == {"expired": 1, "waiting": 1, "unmatched": 1}


def test_what_expires_is_counted_once() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction("a"), prediction("b"), prediction("c", model="churn")], [START] * 3, START)
    join.labels([feedback("b")], [START], START)
    assert join.due_ms() == START + 2000 + 8000
    join.advance(START + 9999)
    assert join.counts[JoinOutcome.EXPIRED] == 0
    join.advance(START + 10_000)
    assert join.counts[JoinOutcome.EXPIRED] == 2
    assert join.due_ms() == START + 12_000
    join.advance(START + 12_000)
    assert list(join.delta().drop) == [START // 1000]
    join.advance(START + 60_000)
    assert join.counts[JoinOutcome.EXPIRED] == 2
    assert join.due_ms() is None


def test_too_many_waiting_labels_push_out_the_oldest() -> None:
    join = LabelJoin(Join(horizon=8.0, max_waiting_labels=2))
    join.labels([feedback(name) for name in "abc"], [START] * 3, START)
    assert len(join.predictions([prediction(name) for name in "abc"], [START] * 3, START)) == 2
    assert count(join) == {"waiting": 3, "overflowed": 1, "joined": 2}


def test_memory_is_bounded_and_nothing_unsaved_leaves_it() -> None:
    join, store = LabelJoin(Join(cache_predictions=100)), Store()
    for batch in range(5):
        names = [f"{batch}-{n}" for n in range(200)]
        join.predictions([prediction(name) for name in names], [START] * 200, START)
    assert join.cached_predictions == 1000
    delta = join.delta()
    assert join.cached_predictions == 1000
    store.save(delta)
    join.saved(delta)
    assert join.cached_predictions == 100
    late = [feedback(f"{batch}-{n}") for batch in range(5) for n in range(200)]
    keys = join.unknown(late)
    assert len(keys) == 900
    join.learn(store.lookup(join.live_slots, keys))
    assert len(join.labels(late, [START] * 1000, START)) == 1000


def test_a_new_horizon_applies_to_what_already_waits() -> None:
    join, store = LabelJoin(Join(horizon=80.0, slots=4)), Store()
    join.predictions([prediction()], [START], START)
    delta = join.delta()
    store.save(delta)
    for horizon, expected in ((8.0, "late"), (800.0, "joined")):
        changed = LabelJoin(Join(horizon=horizon, slots=4))
        changed.restore(decode(encode(join.state())), {})
        changed.predictions([prediction("later")], [START], START + 28_000)
        labels = [feedback()]
        changed.learn(store.lookup(changed.live_slots, changed.unknown(labels)))
        changed.labels(labels, [START], START + 29_000)
        assert changed.counts[JoinOutcome(expected)] == 1


def test_a_prediction_that_comes_during_a_look_up_is_newer_than_what_is_found() -> None:
    join, store = LabelJoin(Join(cache_predictions=1)), Store()
    join.predictions([prediction("a", "old"), prediction("b"), prediction("c")], [START] * 3, START)
    delta = join.delta()
    store.save(delta)
    join.saved(delta)
    keys = join.unknown([feedback("a")])
    found = store.lookup(join.live_slots, keys)
    assert len(found) == 1
    join.predictions([prediction("a", "new")], [START], START)
    join.learn(found)
    ((_, event),) = join.labels([feedback("a")], [START], START)
    assert event.prediction == "new"


def test_a_replaced_label_keeps_its_place_after_a_restart() -> None:
    config, store = Join(horizon=8.0, max_waiting_labels=2), Store()
    join = LabelJoin(config)
    join.labels([feedback("a", 1), feedback("b", 1), feedback("a", 2)], [START] * 3, START)
    store.save(join.delta())
    again = LabelJoin(config)
    again.restore(join.state(), store.waiting)
    for twin in (join, again):
        twin.labels([feedback("c")], [START], START)
        joined = twin.predictions([prediction(name) for name in "abc"], [START] * 3, START)
        assert [event.label for _, event in joined] == [1, True]
        assert count(twin) == {"waiting": 3, "replaced": 1, "overflowed": 1, "joined": 2}


def test_predictions_that_expire_unsaved_leave_memory() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction(str(n)) for n in range(50)], [START] * 50, START)
    join.advance(START + 60_000)
    assert join.cached_predictions == 0
    assert not join.delta().put


def test_numbers_of_subjects_are_used_again() -> None:
    join = LabelJoin(SHORT)
    for version in range(300):
        now = START + version * 20_000
        event = Prediction(prediction_id="a", model="fraud", version=str(version), timestamp=0, prediction=True)
        join.predictions([event], [now], now)
        ((subject, _),) = join.labels([feedback()], [now], now)
        assert subject.version == str(version)
    assert len(join.state()["subjects"]) == 1


def test_times_may_be_arrays() -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction()], np.array([START]), START)
    ((_, event),) = join.labels([feedback()], np.array([START + 1]), START)
    assert (event.predicted_ms, event.labelled_ms) == (START, START + 1)


@pytest.mark.parametrize("damaged", [b"", b"\xc1", pack([]), pack([99, 1, 0, 1, None, 0, {}]), pack({"a": 1})])
def test_a_stored_prediction_that_cannot_be_read_is_counted_and_the_other_labels_are_joined(damaged: bytes) -> None:
    join = LabelJoin(SHORT)
    join.predictions([prediction("other")], [START], START)
    (key,) = join.unknown([feedback()])
    join.learn({key: (START // 1000, damaged)})

    assert len(join.labels([feedback(), feedback("other")], [START, START], START)) == 1
    assert join.counts[JoinOutcome.DAMAGED] == 1


@pytest.mark.parametrize("damaged", [b"", b"\xc1", pack([1, "x", 0, "m", 1, 1.0, 0, {}]), pack({"a": 1})])
def test_a_waiting_label_that_cannot_be_read_is_left_out_and_the_others_wait_on(damaged: bytes) -> None:
    join = LabelJoin(SHORT)
    join.labels([feedback("kept"), feedback("lost")], [START, START], START)
    delta = join.delta()
    (lost,) = [key for key in delta.wait if key.endswith(b"lost")]
    again = LabelJoin(SHORT)
    again.restore(join.state(), {**delta.wait, lost: damaged})

    assert again.waiting_labels == 1
    assert again.left_out == ["1 waiting labels"]
    assert again.delta().unwait == [lost], "it leaves the store, too"


def test_a_waiting_label_of_a_newer_release_is_refused() -> None:
    join = LabelJoin(SHORT)
    with pytest.raises(NewerFormatError):
        join.restore(join.state(), {b"key": pack([2, 0, 0, "m", 1, 1.0, 0, {}])})


def test_a_pending_prediction_is_packed_small() -> None:
    join = LabelJoin(Join())
    events = [
        prediction(f"0f8fad5b-d9cb-469f-a165-7086772{n:05x}", answer=bool(n & 1), scores=n / 1000) for n in range(1000)
    ]
    join.predictions(events, [START] * 1000, START)
    (entries,) = join.delta().put.values()
    # 100 B of Redis's own cost for a field (measured on 7.0) and these make less than 150 B.
    assert sum(len(key) + len(packed) for key, packed in entries.items()) / 1000 < 50
