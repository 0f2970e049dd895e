"""The shared cases, ``../shared/cases``: files modelled on public bug reports, run through the core as ``replay`` does."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from driftbell.runtime.config.model import Config
from driftbell.schemas import Alert, Metric, decode_alert, decode_metric
from driftbell.streams.records import Output
from driftbell.streams.replay import replay

#: Another place may be named, as a work tree elsewhere has another parent folder.
FOLDER = Path(os.environ.get("DRIFTBELL_SHARED", Path(__file__).parents[2] / "shared")) / "cases"


def case(name: str) -> Path:
    """The file of a case; skips the test where the shared cases are absent, except in CI."""
    path = FOLDER / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is absent")
        pytest.skip(f"the shared cases are absent ({path})")
    return path


@dataclass
class Outcome:
    """What a replay decided."""

    alerts: list[Alert] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)

    @property
    def firing(self) -> list[str]:
        """What fired, as "alertname: summary", each episode once."""
        fired = [a for a in self.alerts if a.status == "firing"]
        return list(dict.fromkeys(f"{a.labels['alertname']}: {a.annotations['summary']}" for a in fired))

    @property
    def values(self) -> dict[str, float]:
        """The last metrics that have labels, else the last."""
        labelled = [metric for metric in self.metrics if metric.labels]
        return (labelled or self.metrics)[-1].values


def events(path: Path) -> list[dict[str, Any]]:
    """The rows of a case."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


def run(rows: list[dict[str, Any]], config: Config | None = None) -> Outcome:
    """Replay rows, by their timestamps."""
    records = [
        ("feedback" if "label" in row else "predictions", row["timestamp"], json.dumps(row).encode()) for row in rows
    ]
    records.sort(key=lambda record: record[1])
    outcome = Outcome()
    for step in replay(records, config or Config()):
        assert step.dead_letters == []
        for record in step.outbox:
            if record.output is Output.ALERTS and record.value is not None:
                outcome.alerts.append(decode_alert(record.value))
            elif record.output is Output.METRICS and record.value is not None:
                outcome.metrics.append(decode_metric(record.value))
    return outcome
