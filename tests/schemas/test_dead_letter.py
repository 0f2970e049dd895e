"""The headers of a dead letter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftbell.schemas import DeadLetterReason, dead_letter_headers
from driftbell.schemas.dead_letter import MAX_DETAIL_BYTES
from tests.schemas.files import schema, validator


def test_the_schema_knows_every_reason() -> None:
    assert schema("dead-letter")["properties"]["dlq.reason"]["enum"] == [reason.value for reason in DeadLetterReason]


@given(
    topic=st.text(min_size=1, max_size=20),
    partition=st.integers(0, 2**31),
    offset=st.integers(0, 2**63),
    reason=st.sampled_from(DeadLetterReason),
    detail=st.text(st.characters(), max_size=100).map(lambda text: text * 30),
)
def test_headers_are_valid_and_bounded(
    topic: str, partition: int, offset: int, reason: DeadLetterReason, detail: str
) -> None:
    headers = {name: value.decode() for name, value in dead_letter_headers(topic, partition, offset, reason, detail)}

    assert not list(validator("dead-letter").iter_errors(headers))
    assert headers["dlq.topic"] == topic
    assert headers["dlq.partition"] == str(partition)
    assert headers["dlq.offset"] == str(offset)
    assert headers["dlq.reason"] == reason
    assert len(headers["dlq.exception.message"].encode()) <= MAX_DETAIL_BYTES
