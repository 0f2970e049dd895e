"""``driftbell status`` beside a worker that has read everything: no lag, and what it says of the models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftbell.status import gather, lines
from tests.e2e.rig import Rig
from tests.services import KafkaCluster
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture
def rig(kafka: KafkaCluster, redis_url: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig.make(kafka, redis_url, tmp_path)
    yield made
    made.end()


def test_status_tells_of_every_model_what_its_reference_lacks(rig: Rig) -> None:
    with rig.worker():
        rig.publish(2000, models=2)
        rig.wait_until_read()
        wait_until(lambda: len(asyncio.run(gather(rig.config)).models) == 2, "both models are saved", timeout=30)
        seen = asyncio.run(gather(rig.config))
        named = asyncio.run(gather(rig.config, ["model-1"]))

    assert seen.lag == 0 and seen.problems == []
    assert [(one.model, one.version) for one in named.models] == [("model-1", "1")]
    assert sorted(one.model for one in seen.models) == ["model-0", "model-1"]
    # A reference of the 500 predictions of the rig, within seconds.
    assert all(one.learned and "shorter_than_a_day" in one.reference_caveats for one in seen.models)
    assert any("what was learned may not be typical" in line for line in lines(seen))
