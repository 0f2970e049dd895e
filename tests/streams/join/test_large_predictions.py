"""A prediction with very many scores or large tags takes little while it waits, and its metrics are what they can be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.runtime.config.model import Join
from driftbell.schemas import Feedback, Prediction
from driftbell.streams.batch import JoinedEvent, KeptScores
from driftbell.streams.encoding import pack, unpack
from driftbell.streams.join import JoinOutcome, LabelJoin
from driftbell.streams.join.kept import LARGE, kept_scores
from driftbell.streams.windows.scores import ManyClasses, probabilities
from driftbell.streams.windows.uncounted import Uncounted

NOW = 1_700_000_000_000
#: What a pending prediction may take, whatever it holds: names of classes are the largest part.
MOST = 2_000


def prediction(number: int = 0, **fields: Any) -> Prediction:
    return Prediction(prediction_id=str(number), model="m", version="1", timestamp=NOW, prediction="class-0", **fields)


def feedback(number: int = 0, label: Any = "class-0", **fields: Any) -> Feedback:
    return Feedback(prediction_id=str(number), model="m", timestamp=NOW, label=label, **fields)


def classes(count: int) -> dict[str, float]:
    """Scores of so many classes that add up to 1, the first the likeliest."""
    sizes = [1 / (at + 1) for at in range(count)]
    return {f"class-{at}": size / sum(sizes) for at, size in enumerate(sizes)}


def joined(made: Prediction, label: Feedback, **settings: Any) -> tuple[JoinedEvent, int]:
    """The joined event, and how many bytes the prediction took."""
    join = LabelJoin(Join(**settings))
    join.predictions([made], [NOW], NOW)
    ((packed,),) = (slot.values() for slot in join.delta().put.values())
    ((_, event),) = join.labels([label], [NOW], NOW)
    return event, len(packed)


@pytest.mark.parametrize("count", [2, 3, 10, 32])
def test_scores_of_few_classes_are_kept_as_they_are(count: int) -> None:
    scores = classes(count)
    event, size = joined(prediction(scores=scores), feedback())

    assert event.scores == scores
    assert size < 40 + 20 * count


@pytest.mark.parametrize("count", [100, 1_000, 10_000])
def test_the_log_loss_of_a_likely_class_of_thousands_is_exact_and_of_another_the_average(count: int) -> None:
    scores = classes(count)
    event, size = joined(prediction(scores=scores), feedback())

    assert size < MOST
    chances = probabilities(event.scores)
    assert isinstance(chances, ManyClasses)
    for at in (0, 1, 31):
        assert chances.of(f"class-{at}") == scores[f"class-{at}"]
    rest = [scores[f"class-{at}"] for at in range(32, count)]
    assert chances.of(f"class-{count - 1}") == pytest.approx(sum(rest) / len(rest))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"class-999": -0.4}, Uncounted.SCORE_NOT_A_PROBABILITY),
        ({"class-999": 1.7}, Uncounted.SCORE_NOT_A_PROBABILITY),
        ({"class-0": 0.9}, Uncounted.SCORES_NOT_SUMMING_TO_ONE),
    ],
)
def test_scores_that_are_no_probabilities_are_still_told(change: dict[str, float], why: Uncounted) -> None:
    scores = {**classes(1_000), **change}

    assert probabilities(scores) is why
    assert probabilities(joined(prediction(scores=scores), feedback())[0].scores) is why


@given(st.dictionaries(st.text(max_size=4), st.floats(0, 1), min_size=2, max_size=60), st.integers(1, 40), st.data())
def test_what_is_kept_depends_on_no_order_and_holds_the_largest(
    scores: dict[str, float], most: int, data: st.DataObject
) -> None:
    kept = kept_scores(scores, most)

    shuffled = dict(data.draw(st.permutations(list(scores.items()))))
    assert kept_scores(shuffled, most) == kept
    if len(scores) <= max(most, 2):
        assert kept == scores
        return
    opened = KeptScores(*unpack(pack(kept)))
    assert len(opened.largest) == max(most, 2)
    assert opened.largest.items() <= scores.items()
    assert min(opened.largest.values()) >= max(score for name, score in scores.items() if name not in opened.largest)
    assert sum(opened.largest.values()) + opened.rest == pytest.approx(sum(scores.values()))
    assert len(opened.largest) + opened.others == len(scores)


@pytest.mark.parametrize("side", ["prediction", "label", "waiting label"])
def test_tags_of_fifty_kilobytes_are_cut(side: str) -> None:
    large = {f"tag-{at:03}": "x" * 1_000 for at in range(50)}
    join = LabelJoin(Join())
    made = prediction(tags=large if side == "prediction" else {})
    label = feedback(tags={} if side == "prediction" else large)
    if side == "waiting label":
        join.labels([label], [NOW], NOW)
        assert sum(map(len, join.delta().wait.values())) < 6_000
        ((_, event),) = join.predictions([made], [NOW], NOW)
    else:
        join.predictions([made], [NOW], NOW)
        ((_, event),) = join.labels([label], [NOW], NOW)

    assert event.tags == {f"tag-{at:03}": "x" * 128 for at in range(16)}
    assert max(len(packed) for slot in join.delta().put.values() for packed in slot.values()) < 6_000


def test_tags_as_people_write_them_are_kept_as_they_are() -> None:
    tags = {"region": "eu", "channel": "web", "segment": "private customers"}

    event, size = joined(prediction(tags=tags), feedback(tags={"source": "review"}))
    assert event.tags == {**tags, "source": "review"}
    assert size < LARGE


def test_an_amendment_of_a_large_prediction_takes_out_what_was_put_in() -> None:
    join = LabelJoin(Join())
    join.predictions([prediction(scores=classes(500))], [NOW], NOW)
    ((_, first),) = join.labels([feedback(label="class-3")], [NOW], NOW)
    ((_, second),) = join.labels([feedback(label="class-4")], [NOW], NOW)

    assert first.scores == second.scores
    assert (second.previous_label, second.label) == ("class-3", "class-4")


def test_the_cache_is_bounded_by_bytes_and_what_is_not_there_is_looked_up() -> None:
    join = LabelJoin(Join(cache_bytes=10_000))
    join.predictions([prediction(at, tags={"note": "x" * 400}) for at in range(500)], [NOW] * 500, NOW)
    delta = join.delta()
    join.saved(delta)

    assert join.cached_predictions <= 10_000 / 400
    stored = {key: (slot, packed) for slot, entries in delta.put.items() for key, packed in entries.items()}
    late = [feedback(at) for at in range(500)]
    missing = join.unknown(late)
    assert len(missing) == 500 - join.cached_predictions
    join.learn({key: stored[key] for key in missing})
    assert len(join.labels(late, [NOW] * 500, NOW)) == 500
    assert join.cached_predictions <= 10_000 / 400 + 500, "what is labelled is not saved yet"


def test_waiting_labels_are_bounded_by_bytes_the_same_after_a_restart() -> None:
    settings = Join(max_waiting_bytes=100_000)
    join = LabelJoin(settings)
    stored: dict[bytes, bytes] = {}
    for at in range(0, 400, 20):
        join.labels([feedback(n, label="x" * 1_000) for n in range(at, at + 20)], [NOW] * 20, NOW)
        delta = join.delta()
        stored = {key: value for key, value in {**stored, **delta.wait}.items() if key not in delta.unwait}
        again = LabelJoin(settings)
        again.restore(join.state(), stored)
        join = again
    whole = LabelJoin(settings)
    whole.labels([feedback(n, label="x" * 1_000) for n in range(400)], [NOW] * 400, NOW)

    assert join.waiting_labels == whole.waiting_labels <= 100_000 / 1_000
    assert join.counts == whole.counts
    assert whole.counts[JoinOutcome.OVERFLOWED] == 400 - whole.waiting_labels
    # The latest are there.
    assert len(whole.predictions([prediction(399)], [NOW], NOW)) == 1
