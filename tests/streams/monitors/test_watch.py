from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from driftbell.runtime.config.model import Monitoring, MonitorSettings
from driftbell.schemas import Prediction
from driftbell.streams.batch import JoinedBatch, JoinedEvent, JoinKind, PredictionBatch
from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.monitor import Condition
from driftbell.streams.monitors.registry import MODEL_REGISTRY, REGISTRY
from driftbell.streams.monitors.watch import Watch, check_settings
from tests.streams.stories import SUBJECT, Features, Story, names, ordinary, settings


def everything(story: Story) -> list[list[Condition]]:
    """A story in which every monitor has something to say, and the conditions after each chapter."""

    def changed(**values: Any) -> Any:
        return lambda rng: {**ordinary(rng), **{k: v(rng) if callable(v) else v for k, v in values.items()}}

    return [
        story.events(2200),
        story.labels(1200),
        story.events(256, changed(amount=None)),
        story.events(512),
        story.events(256, changed(amount="1")),
        story.events(512),
        story.events(256, changed(country="XX")),
        story.events(800),
        story.events(256, changed(age=lambda rng: rng.randrange(300, 400))),
        story.events(800),
        story.events(256, answer=lambda rng: rng.random() < 0.8),
        story.events(800),
        story.events(256, failing=0.5),
        story.events(256, latency=lambda rng: 900.0),
        story.labels(512, wrong=0.6),
        story.events(1024),
        story.labels(1200),
    ]


def test_every_monitor_has_its_say_and_all_is_well_in_the_end() -> None:
    story = Story(settings())
    chapters = everything(story)
    said = {c.monitor for conditions in chapters for c in conditions}

    assert said == {name for name, monitor in REGISTRY.items() if monitor.enabled_by_default}
    assert chapters[-1] == []


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["e-SR", "ADWIN", "KSWIN"])
def test_restarted_between_any_two_batches_it_says_the_same_to_the_bit(detector: str) -> None:
    options: dict[str, dict[str, Any]] = {"error_rate": {"detector": detector}, "latency": {"slo_ms": 800}}
    whole, restarted = Story(settings(options), batch=64), Story(settings(options), batch=64, restart=True)

    assert everything(whole) == everything(restarted)
    assert whole.history == restarted.history
    assert encode(whole.watch.state()) == encode(restarted.watch.state())


def test_restarted_while_it_relearns_it_says_the_same_to_the_bit() -> None:
    options = {"feature_drift": {"relearn_after": 1000}}
    whole, restarted = Story(settings(options)), Story(settings(options), restart=True)
    for story in (whole, restarted):
        story.events(2300, latency=lambda rng: None)
        story.events(3000, lambda rng: {**ordinary(rng), "amount": 1e6})
        story.events(1500)

    assert whole.history == restarted.history != []
    assert encode(whole.watch.state()) == encode(restarted.watch.state())


def test_asking_twice_changes_nothing() -> None:
    story = Story(settings())
    everything(story)
    story.events(256, lambda rng: {**ordinary(rng), "amount": None})
    before = encode(story.watch.state())

    assert story.conditions() == story.conditions() != []
    assert encode(story.watch.state()) == before


def test_time_alone_changes_nothing_for_a_version() -> None:
    story = Story(settings())
    story.events(3000)

    assert story.watch.due_ms() is None


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.just(-(10**400)),
    st.floats(allow_nan=False),
    st.sampled_from([1e308, -1e308, 5e-324, 0.0, -0.0]),
    st.text(max_size=5),
    st.text(min_size=100, max_size=200),
)
EVENTS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from([*"abcdefgh"]), VALUES), VALUES, VALUES, st.floats(0, 1e12) | st.none()),
    min_size=1,
    max_size=30,
)


#: Values so far apart that their distance overflows, and values without a distance.
OPPOSITE: list[tuple[Any, ...]] = [({"a": value}, value, value, 1.0) for value in (1e308, -1e308)]
ENDLESS: list[tuple[Any, ...]] = [({"a": value}, value, value, 1.0) for value in (np.inf, -np.inf, 1.0)] * 10


@pytest.mark.slow
@limits(max_examples=60)
@given(st.lists(EVENTS, min_size=1, max_size=6), st.lists(EVENTS, min_size=1, max_size=6), st.integers(0, 10**9))
@example(first=[OPPOSITE], second=[OPPOSITE], seed=0).via("the distance of two values is no float64")
@example(first=[OPPOSITE[:1] * 40], second=[OPPOSITE[1:] * 40], seed=0).via("... of the stream from the reference")
@example(first=[ENDLESS], second=[ENDLESS], seed=0).via("a reference that begins with infinity")
def test_no_content_of_events_makes_it_raise_or_lose_its_state(
    first: list[list[tuple[Any, ...]]], second: list[list[tuple[Any, ...]]], seed: int
) -> None:
    config = settings(events=100, labels=100)
    watch = Watch(SUBJECT, config)
    rng = random.Random(seed)
    for phase in (first, second):
        for rows in phase * 5:
            events = [
                Prediction(
                    prediction_id="p",
                    model="m",
                    version="1",
                    timestamp=0,
                    features=features,
                    prediction=answer,
                    latency_ms=latency,
                    error="e" if answer is None and rng.random() < 0.5 else None,
                )
                for features, answer, _, latency in rows
            ]
            joined = [
                JoinedEvent(JoinKind.JOINED, answer, None, label, 1.0, 0, 0, {})
                for _, answer, label, _ in rows
                if label is not None
            ]
            watch.on_predictions(PredictionBatch(events, np.arange(len(events), dtype=np.int64), 0))
            if joined:
                watch.on_labels(JoinedBatch(joined, 0))
            for condition in watch.conditions(0):
                assert condition.summary
                assert condition.value is None or np.isfinite(condition.value)
            copy = Watch(SUBJECT, config)
            copy.restore(decode(encode(watch.state())))
            assert encode(copy.state()) == encode(watch.state())
            watch = copy


def extent(plain: Any) -> int:
    """Bytes of what a state holds, without what encoding makes of an array that holds one value throughout."""
    if isinstance(plain, np.ndarray):
        return plain.nbytes
    if isinstance(plain, dict):
        return sum(len(name) + extent(value) for name, value in plain.items())
    if isinstance(plain, list):
        return sum(map(extent, plain))
    return len(plain) if isinstance(plain, str | bytes) else 8


def test_state_is_small_and_does_not_grow_with_the_stream() -> None:
    def wide(rng: random.Random) -> Features:
        features: Features = {f"x{i}": rng.gauss(0, 1) for i in range(16)}
        return {**features, **{f"c{i}": rng.choice("abcdefgh") for i in range(4)}}

    story = Story(settings(), batch=512)
    story.events(2560, wide)
    story.labels(2000)
    begun = len(encode(story.watch.state()))
    # By now every rate has had something that counts against it, and has its detector.
    story.events(10_000, wide)
    story.labels(10_000)
    early = encode(story.watch.state())
    story.events(10_000, wide)
    story.labels(10_000)
    late = encode(story.watch.state())

    assert begun < len(early) < 40_000
    assert len(late) < 40_000
    assert extent(decode(late)) < 1.05 * extent(decode(early))


def test_endless_new_names_and_categories_do_not_fill_memory() -> None:
    def endless(rng: random.Random) -> Features:
        return {**ordinary(rng), f"n{rng.randrange(10**9)}": 1.0, "id": f"{rng.randrange(10**12):064}"}

    story = Story(settings(events=1000, reference=None), batch=256)
    story.events(900, endless)
    while_learning = len(encode(story.watch.state()))
    story.events(10_000, endless)

    assert while_learning < 1_000_000
    assert len(encode(story.watch.state())) < 400_000
    assert len(story.watch.reference.features) <= 40


@pytest.mark.parametrize(
    ("monitors", "message"),
    [
        ({"mising": {}}, r"unknown monitor 'mising'; known: error_rate, failure_rate"),
        (
            {"missing": {"tolerence": 1}},
            r"missing\.options\.tolerence: unknown option 'tolerence'; known: tolerance",
        ),
        ({"missing": {"tolerance": "much"}}, r"monitors\.missing\.options\.tolerance: Expected float"),
        ({"error_rate": {"detector": "ADWYN"}}, r"unknown detector 'ADWYN'; known: e-SR, ADWIN"),
        ({"error_rate": {"detector": "ADWIN", "parameters": {"x": 1}}}, r"ADWIN has no parameter 'x'; known: delta"),
        ({"error_rate": {"parameters": {"delta": 1}}}, "e-SR has no parameters"),
        ({"prediction_drift": {"x": 1}}, "unknown option 'x'; known: relearn_after"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_known(monitors: dict[str, dict[str, Any]], message: str) -> None:
    config = Monitoring(monitors={name: MonitorSettings(options=options) for name, options in monitors.items()})

    with pytest.raises(ValueError, match=message):
        check_settings(config)


def test_every_default_is_valid() -> None:
    check_settings(settings({name: {} for name in (*REGISTRY, *MODEL_REGISTRY)}))


def test_severity_is_a_setting_and_a_monitor_can_be_switched_off() -> None:
    config = Monitoring(
        reference=settings().reference,
        monitors={"missing": MonitorSettings(severity="critical"), "feature_drift": MonitorSettings(enabled=False)},
    )
    story = Story(config)
    story.events(2200)
    found = story.events(
        256, lambda rng: {**ordinary(rng), "amount": None if rng.random() < 0.5 else rng.lognormvariate(9, 1)}
    )

    assert names(found) == ["MissingValues:amount", "OutOfRange:amount"]
    assert [c.severity for c in found] == ["critical", "warning"]


def test_a_monitor_that_is_off_by_default_runs_and_takes_its_share_of_the_budget_only_where_it_is_switched_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def monitors(config: Monitoring) -> dict[str, float]:
        watch = Watch(SUBJECT, config)
        return {name: monitor.context.events_per_false_alarm for name, monitor in watch._monitors.items()}

    usual = monitors(settings())
    monkeypatch.setattr(REGISTRY["missing"], "enabled_by_default", False)
    without, asked = monitors(settings()), monitors(settings({"missing": {}}))

    assert asked == usual
    assert without.keys() == usual.keys() - {"missing"}
    assert set(without.values()) == {1_000_000.0 * len(without)}
    assert set(asked.values()) == {1_000_000.0 * (len(without) + 1)}


def test_a_monitor_switched_on_later_starts_from_the_reference_that_is_there() -> None:
    story = Story(settings(only=["failure_rate"]))
    story.events(3000)
    watch = Watch(SUBJECT, settings())
    watch.restore(decode(encode(story.watch.state())))
    story.watch, story.settings = watch, settings()
    story.events(500)

    assert names(story.events(128, lambda rng: {**ordinary(rng), "age": None})) == ["MissingValues:age"]


def test_another_tolerance_takes_effect_at_once() -> None:
    story = Story(settings(only=["missing"]))
    story.events(2200)
    story.watch = Watch(SUBJECT, settings({"missing": {"tolerance": 0.9}}, only=["missing"]))
    before = Story(settings(only=["missing"]))
    before.events(2200)
    story.watch.restore(decode(encode(before.watch.state())))

    assert story.events(500, lambda rng: {**ordinary(rng), "amount": None if rng.random() < 0.5 else 1.0}) == []


@pytest.mark.slow
def test_all_monitors_together_keep_the_budget_on_quiet_streams() -> None:
    def wide(rng: random.Random) -> Features:
        return {
            **{f"x{i}": rng.gauss(0, 1) for i in range(4)},
            **{f"l{i}": rng.lognormvariate(0, 2) for i in range(2)},
            **{f"c{i}": rng.choices("abcd", (8, 4, 2, 1))[0] for i in range(2)},
            "m": rng.random() if rng.random() < 0.95 else None,
        }

    budget, events, alarms = 5_000, 0, 0
    for seed in range(6):
        story = Story(settings(events=2000, events_per_false_alarm=budget), batch=256, seed=seed)
        for _ in range(25):
            story.events(1024, wide, failing=0.01)
            story.labels(512)
        events += 25 * 1024
        alarms += sum(len(names) for _, names in story.history)

    assert events / max(alarms, 1) >= budget
