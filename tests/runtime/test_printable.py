"""Text from outside that must not steer a terminal or forge a line."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from driftbell.runtime.observability.logs import TextFormatter
from driftbell.runtime.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fraud \u00fc \u4e2d", "fraud \u00fc \u4e2d"),
        ("a\x1b[2J\r\nb\tc", r"a\x1b[2J\r\nb\tc"),
        ("a\x9b31mb\x7f", r"a\x9b31mb\x7f"),
        ("m\u200b", r"m\u200b"),
        ("a\u2028b\u202ec\ud800", r"a\u2028b\u202ec\ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_text_of_several_lines_keeps_them() -> None:
    assert printable_lines("a\n\tb\x1b[0m") == "a\n\tb\\x1b[0m"


def test_a_name_cannot_forge_a_line_of_the_text_log_and_our_colours_stay() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter([], colours=True))
    record = logging.LogRecord("driftbell", logging.ERROR, "x.py", 1, "new model %s", ("a\nb",), None)
    record.model = "evil\x1b[2J\r\n12:00:00.000 info driftbell: all is well"
    try:
        raise ValueError("odd\x1b[2J")
    except ValueError:
        record.exc_info = sys.exc_info()

    handler.handle(record)

    first, *rest = stream.getvalue().splitlines()
    assert "\x1b[31merror\x1b[0m" in first
    assert first.endswith(r"new model a\nb model=evil\x1b[2J\r\n12:00:00.000 info driftbell: all is well")
    assert rest[0].startswith("Traceback")
    assert rest[-1] == r"ValueError: odd\x1b[2J"
