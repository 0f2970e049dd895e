"""``driftbell alerts``: what fires now, and nothing that is over."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer

from driftbell import cli
from driftbell.alerting.process.alert_records import AlertRecord
from driftbell.alerting.state.posted_alerts.posted import PostedAlert
from driftbell.alerting.state.redis import RedisStore
from driftbell.alerting.state.silence import Acknowledge, Command, PutSilence, SilenceMatcher
from driftbell.embedded import EmbeddedBroker
from driftbell.exit_codes import ExitCode
from driftbell.runtime.config.model import Redis
from driftbell.runtime.redis import connect
from driftbell.schemas import encode_alert
from driftbell.tail.firing import gravest_first
from tests.alerting.alerts import make_alert
from tests.alerting.api.serving import router_of, settings_of


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker().start(["alerts-active"]) as running:
        file = tmp_path / "driftbell.yaml"
        file.write_text(f"kafka: {{bootstrap.servers: '{running.bootstrap_servers}'}}\n")
        monkeypatch.setenv("DRIFTBELL_CONFIG", str(file))
        yield running


def publish(broker: EmbeddedBroker, *records: tuple[str, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for key, value in records:
        producer.produce("alerts-active", value, key)
    assert producer.flush(10) == 0


def alert(model: str, severity: str) -> bytes:
    return encode_alert(make_alert(labels={"model": model, "severity": severity}))


@pytest.mark.slow
def test_what_fires_is_shown_the_gravest_first(
    broker: EmbeddedBroker, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "driftbell.yaml"
    file.write_text(f"{file.read_text()}redis: {{url: '{redis_url}'}}\n")
    publish(
        broker, ("a", alert("churn", "warning")), ("b", alert("fraud", "critical")), ("c", alert("gone", "critical"))
    )
    publish(broker, ("c", None), ("d", b"not an alert"))

    assert cli.main(["alerts", "--json"]) == ExitCode.OK
    models = [json.loads(line)["labels"]["model"] for line in capsys.readouterr().out.splitlines()]
    assert models == ["fraud", "churn"]

    assert cli.main(["alerts", "--model", "churn"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "churn" in text
    assert "fraud" not in text


@pytest.mark.slow
def test_what_holds_an_alert_back_is_shown_and_what_others_posted(
    broker: EmbeddedBroker, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "driftbell.yaml"
    rule = "{source_matchers: ['severity=critical'], target_matchers: ['severity=warning'], equal: [model]}"
    file.write_text(
        f"{file.read_text()}redis: {{url: '{redis_url}'}}\n"
        f"router: {{route: {{receiver: a}}, receivers: [{{name: a}}], inhibit_rules: [{rule}]}}\n"
    )
    grave = make_alert(labels={"model": "fraud", "severity": "critical"})
    slight = make_alert(labels={"model": "fraud", "severity": "warning"})
    publish(broker, ("a", encode_alert(grave)), ("b", encode_alert(slight)))
    now_ms = round(time.time() * 1000)

    async def fill() -> str:
        store = RedisStore(connect(Redis(url=redis_url)), "driftbell-router")
        router = router_of(settings_of({}), store, lambda: now_ms)
        await router.claim(1)
        await router.apply([AlertRecord(0, 0, grave), AlertRecord(0, 1, slight)])
        about_disk = (SilenceMatcher(name="alertname", value="Disk"),)
        action = PutSilence(matchers=about_disk, ends_ms=now_ms + 3_600_000, comment="why")
        answer = await router.command(Command(id="c1", action=action))
        await router.command(Command(id="c2", action=Acknowledge(target=grave.fingerprint, by="ann")))
        await router.change(partial(router.posting.post, [PostedAlert(labels={"alertname": "Disk"})]))
        await store.close()
        return answer.silence_id

    silence_id = asyncio.run(fill())
    assert cli.main(["alerts", "--json"]) == ExitCode.OK
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["acknowledgedBy"] for one in shown] == [["ann"], [], []]
    assert [(one["labels"]["alertname"], one["silencedBy"], one["inhibitedBy"]) for one in shown] == [
        ("ErrorRateRose", [], []),
        ("ErrorRateRose", [], [grave.fingerprint]),
        ("Disk", [silence_id], []),
    ]
    assert cli.main(["alerts"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "acknowledged by ann" in text
    assert f"fingerprint {grave.fingerprint}" in text
    assert f"inhibited by {grave.fingerprint}" in text and f"silenced by {silence_id}" in text


def test_what_is_known_by_half_is_never_nothing(
    broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "driftbell.yaml"
    file.write_text(f"{file.read_text()}redis: {{url: 'redis://127.0.0.1:1'}}\n")

    assert cli.main(["alerts"]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert "is not known" in err and "\n  fix: is it running" in err
    assert "\\n" not in err


def test_the_gravest_come_first_whoever_says_so() -> None:
    mine = make_alert(labels={"model": "a", "severity": "warning"})
    theirs = make_alert(labels={"model": "b", "severity": "critical"})
    unknown = make_alert(labels={"model": "c", "severity": "odd"})

    assert gravest_first([unknown, mine, theirs]) == [theirs, mine, unknown]


def test_nothing_fires_is_said(
    broker: EmbeddedBroker, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "driftbell.yaml"
    file.write_text(f"{file.read_text()}redis: {{url: '{redis_url}'}}\n")

    assert cli.main(["alerts"]) == ExitCode.OK
    assert capsys.readouterr().out == "nothing fires\n"
