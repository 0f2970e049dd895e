"""What the demo prints fits the terminal."""

from __future__ import annotations

import io

import pytest

from driftbell.demo.screen import Screen

SENTENCE = "shuttle v1: rate of unseen categories of mode rose from 0.0 % to 38.4 % in 607 events since 15:40 UTC"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    screen = Screen(stream, now=lambda: 0.0)
    screen.say("  " + SENTENCE)
    screen.chapter("Quiet traffic", "A model answers.\n" + SENTENCE, SENTENCE)
    screen.opened("PagerDuty", SENTENCE)
    screen.closed("Slack", SENTENCE, 12.0)
    screen.warn(SENTENCE)
    screen.status(SENTENCE)
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m", "\r\x1b[K"):
        stream = Terminal(stream.getvalue().replace(code, ""))
    return stream.getvalue()


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_no_line_is_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    assert max(map(len, printed(monkeypatch, columns).splitlines())) <= columns


@pytest.mark.parametrize("columns", [60, 80])
def test_lines_break_between_words(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    lines = printed(monkeypatch, columns).splitlines()[:-1]  # the status line is cut, not wrapped

    assert {word for line in lines for word in line.split()} >= set(SENTENCE.split())
