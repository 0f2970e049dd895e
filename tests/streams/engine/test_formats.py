"""An older checkpoint loads, a damaged one as far as it can be read; one that a newer driftbell wrote is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.streams.encoding import MAGIC, Format
from driftbell.streams.partition.model import MODEL_FORMAT
from driftbell.streams.partition.partition import CORE_FORMAT
from tests.streams.engine.test_engine import House, config, predictions


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """An engine whose partition 0 has been saved and let go."""
    made = House(config())
    await made.engine.assigned([0], 1)
    made.deliver(*predictions(60))
    await made.settle(60)
    await made.engine.revoked()
    yield made
    await made.engine.stop()


def as_of(format_: Format, version: int, blob: bytes) -> bytes:
    """The same state, under another version of its format."""
    return Format(format_.name, version).encode(format_.decode(blob))


def refusal(house: House) -> str:
    """Why partition 0 is set aside."""
    return house.engine.set_aside[0].error


async def test_a_core_of_a_newer_release_is_refused_with_the_fix(house: House) -> None:
    entry = house.store._entries[0]
    entry.core = as_of(CORE_FORMAT, CORE_FORMAT.version + 1, entry.core or b"")

    await house.engine.assigned([0], 2)

    assert "partition 0 cannot be read" in refusal(house)
    assert "run the newer release again" in refusal(house)
    assert house.engine.positions() == {}


async def test_a_model_of_a_newer_release_is_refused_with_the_fix(house: House) -> None:
    models = house.store._entries[0].models
    models["fraud"] = as_of(MODEL_FORMAT, MODEL_FORMAT.version + 1, models["fraud"])

    await house.engine.assigned([0], 2)

    assert "run the newer release again" in refusal(house)
    assert house.engine.positions() == {}


async def test_a_damaged_model_begins_again_and_its_partition_is_claimed(house: House) -> None:
    models = house.store._entries[0].models
    models["fraud"] = MAGIC + models["fraud"][2:-5]

    await house.engine.assigned([0], 2)

    partition = house.engine.partitions[0]
    assert partition.left_out == ["fraud"]
    assert partition.counts["predictions"] == 60, "what was counted stays counted"
    assert "fraud" not in partition.models


async def test_a_damaged_core_is_refused(house: House) -> None:
    entry = house.store._entries[0]
    entry.core = (entry.core or b"")[:-5]

    await house.engine.assigned([0], 2)

    assert "partition 0 cannot be read" in refusal(house)


async def test_an_older_core_is_lifted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = house.store._entries[0]
    newer = Format(CORE_FORMAT.name, CORE_FORMAT.version + 1)

    @newer.migration(CORE_FORMAT.version)
    def lift(value: Any) -> Any:
        return value | {"counts": value["counts"] | {"lifted": 1}}

    monkeypatch.setattr("driftbell.streams.partition.partition.CORE_FORMAT", newer)
    await house.engine.assigned([0], 2)

    assert lift({"counts": {}}) == {"counts": {"lifted": 1}}
    assert house.engine.partitions[0].counts["lifted"] == 1
    assert house.engine.partitions[0].counts["predictions"] == 60
    assert entry.core is not None
