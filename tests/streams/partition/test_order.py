"""What a partition comes to is a function of the topics' contents: fetches, proofs, saves and crashes do not matter."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from driftbell.streams.partition.partition import CORE_FORMAT
from driftbell.streams.records import Input, Output
from tests.streams.partition.owner import Owner
from tests.streams.partition.story import END_MS, config, inputs

SEEDS = (1, 2, 3)

#: A run takes a quarter of a second: shrinking a failure would take longer than any test may.
examples = settings(max_examples=20, phases=(Phase.explicit, Phase.reuse, Phase.generate))


def outcome(owner: Owner) -> dict[str, Any]:
    """All that is left in the end, to the byte."""
    saved = owner.saved
    return {
        "offsets": saved.offsets,
        "core": CORE_FORMAT.decode(saved.core or b""),
        "core bytes": saved.core,
        "models": saved.models,
        "waiting": saved.waiting,
        "pending": saved.pending.slots,
        "alerts": owner.once(Output.ALERTS),
        "metrics": owner.once(Output.METRICS),
        "active": owner.active(),
        "letters": {(letter.input, letter.offset): letter for letter in owner.letters},
    }


@cache
def told(seed: int) -> tuple[dict[str, Any], dict[Any, Any]]:
    """The outcome when all is there at once and nothing goes wrong, and every checkpoint on the way."""
    owner = Owner(config(), inputs(seed))
    owner.finish(END_MS)
    return outcome(owner), dict(owner.checkpoints)


def expected(seed: int) -> dict[str, Any]:
    """The outcome alone."""
    return told(seed)[0]


def assert_same(owner: Owner, seed: int) -> None:
    found, (wanted, checkpoints) = outcome(owner), told(seed)
    for what, value in wanted.items():
        assert found[what] == value, what
    # Where two runs stand at the same place, they hold the same bytes.
    for place, held in owner.checkpoints.items():
        if place in checkpoints:
            assert CORE_FORMAT.decode(held[0]) == CORE_FORMAT.decode(checkpoints[place][0]), place
            assert held == checkpoints[place], place


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_story_has_everything_that_could_depend_on_the_order(seed: int) -> None:
    story = expected(seed)

    assert story["alerts"]
    assert story["metrics"]
    assert len({letter.reason for letter in story["letters"].values()}) >= 3
    assert story["core"]["counts"]["tombstones"] > 0
    assert story["core"]["join"]["counts"]["joined"] > 100
    assert story["core"]["join"]["counts"]["expired"] > 0
    assert any(name in story["core"]["counts"] for name in ("fired_too_many_versions", "fired_too_many_variants"))


@pytest.mark.slow
@given(seed=st.sampled_from(SEEDS), data=st.data())
@examples
def test_fetches_and_proofs_do_not_matter(seed: int, data: st.DataObject) -> None:
    owner = Owner(config(), inputs(seed))
    sizes = st.integers(1, 200)
    for _ in range(data.draw(st.integers(0, 30), "rounds")):
        source = data.draw(st.sampled_from(Input), "input")
        owner.fetch(source, data.draw(sizes, "records"))
        if data.draw(st.booleans(), "proved"):
            owner.advance_watermark(data.draw(st.sampled_from(Input), "which"))
        owner.run(data.draw(st.integers(0, 60), "steps"), save=data.draw(st.booleans(), "saved at every step"))
    owner.finish(END_MS)

    assert_same(owner, seed)
    assert [record for record in owner.published if record.output is Output.ALERTS] == expected(seed)["alerts"]


@pytest.mark.slow
@given(seed=st.sampled_from(SEEDS), data=st.data())
@examples
def test_crashes_at_any_point_do_not_matter(seed: int, data: st.DataObject) -> None:
    owner = Owner(config(), inputs(seed))
    for _ in range(data.draw(st.integers(0, 12), "lives")):
        for source in Input:
            owner.fetch(source, data.draw(st.integers(1, 400), "records"))
            if data.draw(st.booleans(), "proved"):
                owner.advance_watermark(source)
        owner.run(data.draw(st.integers(0, 80), "steps"), save=data.draw(st.booleans(), "saved at every step"))
        if data.draw(st.booleans(), "saved"):
            owner.save(publish=data.draw(st.booleans(), "published"))
            owner.run(data.draw(st.integers(0, 20), "steps after the save"))
        owner.restart()
    owner.finish(END_MS)

    assert_same(owner, seed)
