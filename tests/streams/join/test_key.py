from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import Feedback
from driftbell.streams.join.key import Keys

UUIDS = st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper())
ODD = st.text(alphabet="0f-A ", min_size=36, max_size=36)
TEXTS = st.text(min_size=1, max_size=60) | UUIDS | ODD


def key(text: str, model: str = "m") -> bytes:
    return Keys().of([Feedback(prediction_id=text, model=model, label=1, timestamp=0)])[0]


@given(st.lists(TEXTS, min_size=2, max_size=20, unique=True))
def test_different_ids_have_different_keys(texts: list[str]) -> None:
    assert len({key(text) for text in texts}) == len(texts)


@given(TEXTS)
def test_a_key_is_short(text: str) -> None:
    assert len(key(text)) <= 46


@given(st.uuids())
def test_a_uuid_takes_16_bytes(value: uuid.UUID) -> None:
    assert key(str(value))[7:] == value.bytes


def test_the_same_id_under_two_models_has_two_keys() -> None:
    assert key("a", "m") != key("a", "n")


def test_the_memory_of_models_is_bounded() -> None:
    keys = Keys()
    labels = [Feedback(prediction_id="a", model=f"m{n}", label=1, timestamp=0) for n in range(50_000)]
    assert len(set(keys.of(labels))) == 50_000
    assert len(keys._models) <= 20_000
