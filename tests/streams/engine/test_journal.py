"""A worker's log says what people look for, in a line each and never per event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from driftbell.schemas import DeadLetterReason
from driftbell.streams.engine.journal import Journal
from driftbell.streams.partition.models import News
from driftbell.streams.records import DeadLetterRecord, Input, Record
from tests.streams.engine.fakes import HeldClock, prediction
from tests.streams.engine.test_engine import START_MS, House, config, predictions


@pytest.fixture
async def house(caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    caplog.set_level(logging.INFO)
    made = House(config(checkpoint_patience=600.0))
    yield made
    await made.engine.stop()


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[dict[str, Any]]:
    """The fields of the lines with this message."""
    return [vars(record) for record in caplog.records if record.getMessage() == text]


async def test_partitions_that_come_and_go_are_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.engine.assigned([2, 0], 7)
    await house.engine.assigned([2, 0], 7)
    await house.engine.revoked()

    [assigned] = lines(caplog, "partitions assigned")
    assert (assigned["partitions"], assigned["generation"]) == ([0, 2], 7)
    [taken] = lines(caplog, "partitions taken away")
    assert taken["partitions"] == [0, 2]


async def test_a_worker_without_partitions_says_that_it_waits_in_reserve(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([], 3)
    await house.engine.assigned([], 3)

    assert len(lines(caplog, "no partitions assigned: this worker waits in reserve")) == 1


async def test_a_new_model_and_its_complete_reference_are_logged_once(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*predictions(30))
    await house.settle(30)
    [seen] = lines(caplog, "new model")
    assert (seen["model"], seen["partition"]) == ("fraud", 0)
    assert lines(caplog, "reference complete, drift is watched from here on") == [], "after 50 events"

    house.deliver(*predictions(60, start=30))
    await house.settle(90)
    [learned] = lines(caplog, "reference complete, drift is watched from here on")
    assert (learned["model"], learned["version"]) == ("fraud", "1")
    house.deliver(*predictions(200, start=90))
    await house.settle(290)
    assert len(lines(caplog, "new model")) == 1
    assert len(lines(caplog, "reference complete, drift is watched from here on")) == 1


async def test_a_new_name_that_only_looks_like_another_is_told_and_shown(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([0], 1)
    names = ["fraud", "fraud ", "fraud\u200b", "\u00a0fraud", "b\u00e9ta f\u00fcr \u4e2d\u6587"]
    house.deliver(*[prediction(i, START_MS + i, model=name) for i, name in enumerate(names)])
    await house.settle(5)

    told = lines(caplog, "a name looks like another and is not the same: let its producer correct it")
    assert [(one["model"], one["detail"]) for one in told] == [
        ("'fraud '", "it begins or ends with a blank"),
        ("'fraud\\u200b'", "it holds U+200B ZERO WIDTH SPACE"),
        ("'\\xa0fraud'", "it begins or ends with a blank"),
    ]


@pytest.mark.slow
async def test_a_thousand_new_models_are_a_few_lines_and_a_count(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([0], 1)
    house.deliver(*[prediction(i, START_MS + i, model=f"model-{i}") for i in range(1000)])
    await house.settle(1000)
    await asyncio.sleep(90)

    shown = lines(caplog, "new model")
    assert len(shown) == 5
    [further] = lines(caplog, "further new models, one of them")
    assert further["count"] == 995


async def test_the_first_dead_letter_of_a_reason_is_logged_and_then_a_count_a_minute(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.engine.assigned([0], 1)
    bad = [Record(i, START_MS + i, b"{", b"fraud") for i in range(40)]
    house.deliver(*bad, *predictions(10, start=40))
    await house.settle(50)
    [first] = lines(caplog, "first dead letter of this reason")
    assert (first["input"], first["partition"], first["offset"], first["reason"]) == ("predictions", 0, 0, "not_json")

    await asyncio.sleep(90)
    [further] = lines(caplog, "further dead letters, one of them")
    assert (further["count"], further["reason"]) == (39, "not_json")


@pytest.mark.slow
async def test_the_store_is_away_once_and_back_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.engine.assigned([0], 1)
    house.store.down = True
    house.deliver(*predictions(60))
    house.clock.now_ms += 20_000
    await asyncio.sleep(100)
    house.store.down = False
    await house.settle(60)

    texts = [record.getMessage() for record in caplog.records if "checkpoint store is" in record.getMessage()]
    assert len(texts) == 2
    assert "is away since" in texts[0]
    assert "is back after" in texts[1]


async def test_kafka_is_away_once_and_back_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.engine.assigned([0], 1)
    await asyncio.sleep(60)
    house.broker.answers = False
    await asyncio.sleep(100)
    house.broker.answers = True
    await asyncio.sleep(20)

    texts = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Kafka is")]
    assert len(texts) == 2
    assert "Kafka is away since" in texts[0]
    assert "Kafka is back after" in texts[1]


async def test_the_log_of_a_flood_of_all_kinds_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal = Journal(HeldClock())
    for second in range(300):
        news = News()
        for number in range(50):
            news.models.add(f"model-{second}-{number}")
        journal.news(0, news)
        journal.dead_letters(
            0,
            [
                DeadLetterRecord(Input.PREDICTIONS, second, None, b"", (), reason, "x" * 9000)
                for reason in (DeadLetterReason.NOT_JSON, DeadLetterReason.BAD_TIMESTAMP)
            ],
        )
        await asyncio.sleep(1)

    models = lines(caplog, "further new models, one of them")
    assert 3 <= len(models) <= 5
    assert sum(line["count"] for line in models) <= 300 * 50 - 5
    assert len(lines(caplog, "first dead letter of this reason")) == 2
    assert len(caplog.records) < 30
    assert all(len(line["detail"]) <= 200 for line in lines(caplog, "first dead letter of this reason"))
