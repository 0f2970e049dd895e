"""Publishing never stands still over one record: what a broker refuses is cut, and the producer begins again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber, TopicAuthorizationFailedError

from driftbell.runtime.config.model import Config, Redis
from driftbell.schemas import DeadLetterReason
from driftbell.streams.app import create_app
from driftbell.streams.kafka import broker as module
from driftbell.streams.kafka.broker import KafkaBroker
from driftbell.streams.kafka.fitting import FRAME_BYTES
from driftbell.streams.kafka.message_sizes import DEFAULT_BYTES, SPARE_BYTES, MessageSizes
from driftbell.streams.records import DeadLetterRecord, Input
from tests.streams.engine.fakes import HeldClock


class Leader:
    """Takes records as a broker does: by size, and by the sequence numbers of an idempotent producer."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken: list[tuple[bytes | None, bytes | None, dict[str, bytes]]] = []
        self.refusals = 0
        self.replaced = 0
        self.forbidden = False
        self._gap = False

    @property
    def current(self) -> object:
        return self.replaced

    async def replace(self, broken: object) -> None:
        assert broken == self.replaced
        self.replaced += 1
        self._gap = False

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: None, timestamp: None, headers: Any
    ) -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        size = len(key or b"") + len(value or b"") + FRAME_BYTES
        if self.forbidden:
            answer.set_exception(TopicAuthorizationFailedError(topic))
        elif self._gap:
            answer.set_exception(OutOfOrderSequenceNumber())
        elif size > self.limit:
            self._gap, self.refusals = True, self.refusals + 1
            answer.set_exception(MessageSizeTooLargeError())
        else:
            self.taken.append((key, value, dict(headers)))
            answer.set_result(None)
        return answer


def letter(offset: int, key: bytes, value: bytes) -> DeadLetterRecord:
    return DeadLetterRecord(Input.PREDICTIONS, offset, key, value, (), DeadLetterReason.NOT_JSON, "bad")


LETTERS = [letter(0, b"m", b"{"), letter(1, b"k" * 1_048_400, b"{"), letter(2, b"m", b"v" * 1_048_400)]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the brokers say of their topics."""
    sizes: dict[str, int] = {}
    monkeypatch.setattr(module, "ask_brokers", lambda _: lambda _topics: sizes)
    return sizes


def publisher(leader: Leader) -> KafkaBroker:
    app = create_app(Config(redis=Redis(url="memory://")))
    app.producer = cast(Any, leader)
    return KafkaBroker(app)


async def test_a_small_bad_record_and_a_large_one_are_both_dead_lettered_and_nothing_is_refused(
    known: dict[str, int],
) -> None:
    leader = Leader(DEFAULT_BYTES)
    broker = publisher(leader)
    await broker.dead_letter(0, LETTERS)

    assert [int(headers["dlq.offset"]) for _, _, headers in leader.taken] == [0, 1, 2]
    assert (leader.refusals, leader.replaced) == (0, 0)
    assert broker.resized == {("dead_letter", "cut"): 2}


async def test_the_limit_of_the_topic_itself_is_what_counts(known: dict[str, int]) -> None:
    known["predictions.DLQ"] = 50_000
    leader = Leader(50_000)
    await publisher(leader).dead_letter(0, LETTERS)

    assert len(leader.taken) == 3
    assert leader.refusals == 0


@pytest.mark.slow
async def test_a_topic_that_takes_less_than_is_known_gets_smaller_records_through_a_new_producer(
    known: dict[str, int],
) -> None:
    leader = Leader(30_000)
    broker = publisher(leader)
    async with asyncio.timeout(30):
        await broker.dead_letter(0, LETTERS)

    assert {int(headers["dlq.offset"]) for _, _, headers in leader.taken} == {0, 1, 2}
    assert leader.refusals == leader.replaced > 0


async def test_what_no_new_attempt_can_help_is_raised(known: dict[str, int]) -> None:
    leader = Leader(DEFAULT_BYTES)
    leader.forbidden = True

    with pytest.raises(TopicAuthorizationFailedError):
        await publisher(leader).dead_letter(0, LETTERS)


async def test_brokers_that_do_not_say_what_they_take_are_given_kafkas_default_and_asked_again_later() -> None:
    asked = 0

    def silent(topics: Collection[str]) -> Mapping[str, int]:
        nonlocal asked
        asked += 1
        return {} if asked == 1 else dict.fromkeys(topics, 2_000_000)

    class Clock(HeldClock):
        at = 0.0

        def monotonic(self) -> float:
            return self.at

    clock = Clock()
    sizes = MessageSizes(["alerts"], silent, clock, most=32_000_000)
    await sizes.refresh()
    await sizes.refresh()
    assert (asked, sizes.of("alerts")) == (1, DEFAULT_BYTES - SPARE_BYTES)
    clock.at = 301.0
    await sizes.refresh()
    assert (asked, sizes.of("alerts")) == (2, 2_000_000 - SPARE_BYTES)
