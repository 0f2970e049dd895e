"""Without a broker the log stays readable: a library's line is shown once a minute, with the number of those left out."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from driftbell.runtime.observability.logs import configure
from driftbell.runtime.observability.repeats import RepeatFilter


class Clock:
    """Moved by the test."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def record(message: str, *args: object, name: str = "aiokafka.client", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, args, None)


def test_a_library_that_repeats_itself_is_shown_once_a_minute_with_a_count() -> None:
    clock = Clock()
    limit = RepeatFilter(["aiokafka"], clock)
    shown = []
    for tenth in range(1300):  # 130 seconds
        clock.seconds = tenth / 10
        line = record("Unable connect to node with id %s: %s", tenth, "refused")
        if limit.filter(line):
            shown.append((clock.seconds, getattr(line, "suppressed", 0)))

    assert shown == [(0.0, 0), (60.0, 599), (120.0, 599)]


def test_lines_of_other_text_level_or_library_are_not_held_back() -> None:
    limit = RepeatFilter(["aiokafka"], Clock())
    assert limit.filter(record("one"))
    assert limit.filter(record("two"))
    assert limit.filter(record("one", level=logging.WARNING))
    assert limit.filter(record("one", name="aiokafka.cluster"))
    assert not limit.filter(record("one"))
    assert limit.filter(record("[%s]: %s", "app", "one error"))
    assert limit.filter(record("[%s]: %s", "app", "another"))
    assert not limit.filter(record("[%s]: %s", "app", "another"))
    assert all(limit.filter(record("one", name="driftbell.worker")) for _ in range(3)), (
        "our own lines are never held back"
    )
    assert all(limit.filter(record("one", name="aiokafkaesque")) for _ in range(3))


def test_a_library_that_never_says_the_same_twice_takes_no_memory() -> None:
    limit = RepeatFilter(["aiokafka"], Clock())
    for number in range(5000):
        assert limit.filter(record(f"line {number} " + "x" * 5000))

    assert len(limit._shown) <= 256
    assert max(len(template) for _, _, template in limit._shown) <= 200


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("debug", 500)])
def test_a_process_without_a_broker_writes_a_line_and_not_five_hundred(level: str, lines: int) -> None:
    stream = io.StringIO()
    configure(level, stream=stream)
    for node in range(500):
        logging.getLogger("aiokafka.conn").error("Unable connect to node with id %s", node)

    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(written) == lines, "with debug, everything is shown"
    assert written[0]["message"] == "Unable connect to node with id 0"
