"""What the README and the documents show works as shown."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from driftbell import cli
from driftbell.alerting.channels.registry import MODEL
from driftbell.embedded import EmbeddedBroker
from driftbell.exit_codes import ExitCode
from driftbell.history import History
from driftbell.history.record import InputTopics
from driftbell.runtime.config.loader import load
from driftbell.schemas import decode_feedback, decode_prediction

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs" / name for name in ("architecture.md", "cli.md", "demo.md")),
]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def blocks(document: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return [code for found, code in _BLOCK.findall(document.read_text()) if found == language]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker().start(["predictions", "feedback"]) as running:
        yield running


def consumed(broker: EmbeddedBroker, topic: str) -> bytes:
    """The first value on a topic."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        for _ in range(50):
            for message in consumer.consume(1, timeout=0.2):
                value = message.value()
                assert isinstance(value, bytes)
                return value
    finally:
        consumer.close()
    raise AssertionError(f"nothing came on {topic}")


@pytest.mark.slow
def test_the_publishing_example_publishes_a_prediction_and_its_label(broker: EmbeddedBroker) -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line and not line.startswith("#")]) <= 12

    scope: dict[str, object] = {}
    exec(code.replace("localhost:9092", broker.bootstrap_servers) + "\nclient.close()", scope)  # noqa: S102 - our own README

    prediction = decode_prediction(consumed(broker, "predictions"))
    label = decode_feedback(consumed(broker, "feedback"))
    assert prediction.features == {"amount": 42.5, "country": "DE", "returning": True}
    assert label.prediction_id == prediction.prediction_id == scope["prediction_id"]


def test_the_configuration_in_the_readme_loads_and_is_short(tmp_path: Path) -> None:
    (code,) = blocks(README, "yaml")
    file = tmp_path / "driftbell.yaml"
    file.write_text(code)

    assert len(code.splitlines()) <= 10
    assert load(file, env={}).monitoring.events_per_false_alarm == 5_000_000


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_configuration_loads(example: Path) -> None:
    load(example, env={}, model=MODEL)


def test_the_json_lines_in_the_command_line_document_replay(tmp_path: Path) -> None:
    (lines,) = blocks(ROOT / "docs" / "cli.md", "json")
    file = tmp_path / "events.jsonl"
    file.write_text(lines)

    inputs = [record.input for record in History.open([str(file)], InputTopics("predictions", "feedback"))]

    assert inputs == ["predictions", "feedback"]


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of shell, those in ``$(...)`` too; without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for operator, words in itertools.groupby(lexer, lambda word: not set(word) - set("|&;()$")):
        if not operator:
            yield list(words)


def test_commands_are_found_in_a_line_of_shell() -> None:
    assert list(commands_of("a 'b|c' | d $(e -f) && g > h  # i")) == [["a", "b|c"], ["d"], ["e", "-f"], ["g", ">", "h"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_driftbell_command_that_is_shown_exists(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = [line for code in blocks(document, "console") for line in code.splitlines()]
    for line in shown:
        for words in commands_of(line.removeprefix("$ ")):
            if words[:1] != ["driftbell"]:
                continue
            known = [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)][:2]
            known = (
                known
                if known[0]
                in ("topics", "config", "events", "dlq", "state", "completion", "silence", "route", "notify")
                else known[:1]
            )
            with pytest.raises(SystemExit) as end:
                cli.main([*known, "--help"])
            assert end.value.code == ExitCode.OK, line
            text = capsys.readouterr().out
            assert all(word.split("=")[0] in text for word in words if word.startswith("--")), line


@pytest.mark.parametrize("document", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    missing = [link for link in _LINK.findall(document.read_text()) if not (document.parent / link).exists()]

    assert missing == []


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    block = blocks(README, "console")[0]

    assert block == "$ python3 dev demo\n$ python3 dev test\n"


def test_the_command_line_document_names_every_exit_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()

    assert all(f"| {code.value} |" in text for code in ExitCode)
