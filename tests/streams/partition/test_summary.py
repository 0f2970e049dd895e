"""What a model's checkpoint tells of how it is watched is what its watch says of itself."""

from __future__ import annotations

import numpy as np

from driftbell.runtime.config.model import Monitoring, Reference, Worker
from driftbell.schemas import Prediction
from driftbell.streams.partition.model import Emitted, Model
from driftbell.streams.partition.summary import watched

MINUTE_MS = 60_000


def model(settings: Monitoring, versions: dict[str, int]) -> Model:
    """A model whose versions have had so many predictions, with a feature that is an identifier."""
    made, out = Model("fraud", settings, Worker()), Emitted()
    draw = np.random.default_rng(7)
    for version, count in versions.items():
        for at in range(count):
            event = Prediction(
                prediction_id=f"{version}-{at}",
                model="fraud",
                version=version,
                timestamp=at,
                features={"user": f"u{at}", "amount": float(draw.normal())},
                prediction=bool(at % 2),
            )
            made.add_predictions([event], [at], 0, None, out)
    made.tick(MINUTE_MS, out)
    return made


def test_each_version_is_told_with_what_is_not_watched_and_what_its_reference_lacks() -> None:
    settings = Monitoring(reference=Reference(events=200))

    seen = watched("fraud", model(settings, {"4": 50, "3": 300}).state(), settings)

    assert [(one.version, one.learned, one.predictions_learned, one.predictions_needed) for one in seen] == [
        ("3", True, 300, 200), ("4", False, 50, 200),
    ]  # fmt: skip
    assert [one.unwatched for one in seen] == [{"user": "high_cardinality"}, {}]
    assert [one.reference_caveats for one in seen] == [["too_small", "shorter_than_a_day"], []]


def test_a_damaged_state_is_told_and_does_not_hide_the_other_models() -> None:
    (one,) = watched("fraud", b"rubbish", Monitoring())

    assert (one.model, one.learned) == ("fraud", False)
    assert one.unreadable
