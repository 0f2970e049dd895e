"""The fingerprint is Alertmanager's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import fingerprint

#: Read from ``GET /api/v2/alerts`` of a running Alertmanager to which these labels were posted.
FROM_ALERTMANAGER = [
    (
        {
            "alertname": "FeatureDrift",
            "model": "fraud",
            "version": "3",
            "variant": "live",
            "family": "drift",
            "feature": "amount",
        },
        "0c942b92d3386d11",
    ),
    ({"alertname": "A"}, "d2c6efc389df0927"),
    ({"alertname": "Modèle 😀", "z": "a", "a": "z", "Z": "\u00ff"}, "2bbe3fae395e7e05"),
    ({"alertname": "E", "empty": "", "b": " "}, "ff86f3520abcead1"),
    ({"alertname": "x" * 300, "_u": "1", "U": "2"}, "d56a5d6d4238721e"),
]


@pytest.mark.parametrize(("labels", "expected"), FROM_ALERTMANAGER)
def test_the_fingerprint_is_the_one_alertmanager_gives(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


def test_no_labels_have_the_offset_basis_of_fnv() -> None:
    assert fingerprint({}) == "cbf29ce484222325"


@given(labels=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5), data=st.data())
def test_the_order_of_labels_and_empty_ones_do_not_matter(labels: dict[str, str], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(labels.items()))))
    shuffled.setdefault("nothing", "")

    assert fingerprint(shuffled) == fingerprint(labels)


def test_a_label_is_not_confused_with_its_neighbour() -> None:
    assert fingerprint({"ab": "c"}) != fingerprint({"a": "bc"})
