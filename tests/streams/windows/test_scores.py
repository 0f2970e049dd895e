"""The score of a class is found however its key is written, and thousands of classes cost no more than one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftbell.streams.agreement import class_name
from driftbell.streams.windows import scores as module
from driftbell.streams.windows.scores import ManyClasses, probabilities

NUMBERS = st.integers(-3, 3) | st.sampled_from([10**16, 2**63, 10**300, -(10**17)])
ANSWERS: st.SearchStrategy[Any] = (
    st.booleans()
    | NUMBERS
    | NUMBERS.map(float)
    | st.floats(-2, 2)
    | st.sampled_from(["cat", "True", "FALSE", "tRuE", "007", "1.10", "-0", "1e+16", "1e16", ""])
)


@example(classes=[1e300, "cat", "dog"], label=10**300)
@given(st.lists(ANSWERS, min_size=3, max_size=8, unique_by=class_name), ANSWERS)
def test_the_score_is_that_of_the_key_which_agrees_with_the_label(classes: list[Any], label: Any) -> None:
    keys = [one if isinstance(one, str) else repr(one) if isinstance(one, float) else str(one) for one in classes]
    given = {key: 1 / 2 ** (at + 1) for at, key in enumerate(keys)}
    # The plain way: every key by its name.
    named = {class_name(key): score for key, score in given.items()}

    assert ManyClasses(given).of(class_name(label)) == named.get(class_name(label), 0.0)


def test_of_ten_thousand_classes_only_that_of_the_label_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {f"class-{number}": 1e-4 for number in range(10_000)}
    looked_at: list[Any] = []

    def noted(key: Any) -> str:
        looked_at.append(key)
        return class_name(key)

    monkeypatch.setattr(module, "class_name", noted)

    found = probabilities(given)

    assert isinstance(found, ManyClasses)
    assert (found.of("class-7"), found.of("unknown"), found.of("7")) == (1e-4, 0.0, 0.0)
    assert looked_at == []
