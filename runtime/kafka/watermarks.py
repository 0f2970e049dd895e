"""Where partitions end, asked of a cluster that may be electing leaders."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

#: Seconds between two questions while a broker says that it is not the leader.
PAUSE = 0.2


def watermarks(consumer: Consumer, source: TopicPartition, timeout: float) -> tuple[int, int]:
    """The first offset that is still there, and the offset that the next record will have.

    A broker that has just come back answers ``NOT_LEADER_FOR_PARTITION`` until the election is over; librdkafka hands such
    answers on though they are retriable, so they are repeated here.

    Args:
        timeout: seconds for everything.

    Raises:
        KafkaException: the last answer, when the time is over or it is one that does not pass.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            low, high = consumer.get_watermark_offsets(source, timeout=max(0.1, deadline - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() + PAUSE > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return low, high
