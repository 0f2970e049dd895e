"""The page that the README shows is what the code makes of the demo's story."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.alerting.rendering.message import compose, subject
from driftbell.demo import settings
from driftbell.demo.data import readings
from driftbell.demo.story import Phase
from driftbell.demo.traffic import Traffic
from driftbell.runtime.config.model import Config, Monitoring, MonitorSettings, Reference
from driftbell.schemas import Alert, decode_alert
from driftbell.streams.records import Output
from driftbell.streams.replay import replay
from tests.alerting.channels.deliveries import delivery

README = Path(__file__).parents[2] / "README.md"

#: When the story begins: 40 ms after 2026-11-24T14:01:43Z, so that the change comes at 14:01:58 and between two ticks.
START_MS = 1_795_528_903_040
#: Requests a second, and how long all is well and then broken.
RATE, QUIET_SECONDS, BROKEN_SECONDS = 600, 15, 8


class Recorder:
    """A publisher that keeps the records, with the time at which Kafka would have them."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.records: list[tuple[str, int, bytes]] = []

    def predict(self, model: str, version: str, prediction: object, **event: Any) -> str:
        made = {"model": model, "version": version, "prediction": prediction, "timestamp": self.now_ms, **event}
        self.records.append(("predictions", self.now_ms, msgspec.json.encode(made)))
        return str(event["prediction_id"])

    def label(self, model: str, prediction_id: object, label: object) -> None:
        made = {"model": model, "prediction_id": prediction_id, "label": label, "timestamp": self.now_ms}
        self.records.append(("feedback", self.now_ms, msgspec.json.encode(made)))


def story() -> list[tuple[str, int, bytes]]:
    """The demo's story up to the page about the errors, in virtual time."""
    recorder = Recorder()
    traffic = Traffic(readings(seed=7), recorder, now=lambda: recorder.now_ms / 1000, stopwatch=lambda: 0.0)
    traffic.train()
    for seconds, phase in ((QUIET_SECONDS, Phase.QUIET), (BROKEN_SECONDS, Phase.BROKEN)):
        traffic.phase = phase
        first, begin_ms = traffic.predictions, recorder.now_ms
        while traffic.predictions - first < seconds * RATE:
            traffic.answer()
            recorder.now_ms = begin_ms + (traffic.predictions - first) * 1000 // RATE
            traffic.give_labels()
    return recorder.records


def alerts() -> list[Alert]:
    """What a worker with the demo's settings decides."""
    learned = Reference(events=settings.REFERENCE_EVENTS, labels=settings.REFERENCE_LABELS)
    monitors = {name: MonitorSettings(severity="critical") for name in settings.CRITICAL}
    config = Config(monitoring=Monitoring(reference=learned, metrics_window=5.0, monitors=monitors))
    found = [record for step in replay(story(), config) for record in step.outbox if record.output is Output.ALERTS]
    return [decode_alert(record.value) for record in found if record.value is not None]


@pytest.fixture(scope="module")
def told() -> list[Alert]:
    return [alert for alert in alerts() if alert.status == "firing"]


@pytest.mark.slow
def test_the_page_in_the_readme_is_what_the_code_writes_about_the_demo(told: list[Alert]) -> None:
    one = delivery(alerts=told, external_url="")
    message = compose(one.notification, one.incident, one.kind)
    written = "\n".join([message.subject, *message.lines()])

    assert f"```text\n{written}\n```" in README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_lines_of_the_screen_in_the_readme_are_what_its_page_says_one_after_the_other(told: list[Alert]) -> None:
    screen = README.read_text(encoding="utf-8").split("```text\n", 1)[1].split("```", 1)[0]
    shown = re.findall(r"(?:PAGE|UPDATE) +\w+ +(.*(?:\n {27}.*)*)", screen)
    headlines = [subject(delivery(alerts=told[:first]).notification) for first in range(1, len(told) + 1)]

    assert len(shown) == 2
    assert [re.sub(r"\n +", " ", text) for text in shown] == [headlines[-2], headlines[-1]]
    [closed] = re.findall(r"CLOSED.*?: (.*) \.\.\.", screen)
    assert headlines[-1].startswith(closed)
