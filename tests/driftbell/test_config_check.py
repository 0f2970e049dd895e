"""``driftbell config check`` refuses what a start would refuse, all of it at once and at its line."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.registry import MODEL, build
from driftbell.alerting.errors import RefusedError
from driftbell.cli import main
from driftbell.exit_codes import ExitCode
from driftbell.runtime.config.loader import load

REFUSED_AT_START = """\
kafka: {bootstrap.servers: "a:1"}
router:
  global:
    smtp_smarthost: mail.example.org:587
    smtp_from: nobody
    smtp_auth_username: me
    smtp_auth_password_file: /no/such/password
  route: {receiver: oncall}
  receivers:
    - name: oncall
      slack_configs:
        - api_url_env: NO_SUCH_URL
          title: "{{ nothing }}"
      pagerduty_configs:
        - routing_key: ""
        - routing_key_file: /no/such/key
          details:
            what: "{{ alerts | no_such_filter }}"
      email_configs:
        - to: nobody
          headers: {Bcc: x}
        - {to: a@example.org, from: b@example.org}
"""


def told_by(text: str, folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """The problems that the command reports of a file."""
    (folder / "driftbell.yaml").write_text(text)
    code = main(["config", "check", "--config", str(folder / "driftbell.yaml"), *options])
    captured = capsys.readouterr()
    told = [line for line in captured.err.splitlines() if not line.startswith("warning: ")]
    assert code == (ExitCode.USAGE if told else ExitCode.OK)
    # The file's own folder is of no interest.
    return [line.strip().replace(f"{folder}/", "") for line in told if "yaml" in line]


def has(told: list[str], line: int, *words: str) -> bool:
    return any(f"driftbell.yaml:{line}:" in one and all(word in one for word in words) for one in told)


def test_what_a_start_refuses_is_found_by_the_check_at_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = told_by(REFUSED_AT_START, tmp_path, capsys)

    for line, *words in (
        (7, "router.global.smtp_auth_password_file", "there is no file /no/such/password"),
        (12, "slack_configs[0].api_url_env", "the environment variable NO_SUCH_URL is not set"),
        (13, "title", "the template fails", "'nothing' is undefined"),
        (15, "pagerduty_configs[0].routing_key: the value is empty"),
        (16, "there is no file /no/such/key"),
        (18, "details.what", "no_such_filter"),
        (20, "email_configs[0].to: 'nobody' is not an address"),
        (21, "header Bcc is set by driftbell itself"),
    ):
        assert has(told, line, *words), (line, words, told)
    assert sum("smtp_auth_password_file" in one for one in told) == 1, "a secret that all share is one mistake"


def test_a_build_pipeline_has_no_secrets_and_still_finds_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = told_by(REFUSED_AT_START, tmp_path, capsys, "--no-secrets")

    assert not any("NO_SUCH_URL" in one or "no file" in one for one in told)
    assert has(told, 13, "template") and has(told, 15, "the value is empty") and has(told, 20, "nobody")


def test_files_of_kafka_and_redis_are_not_asked_for_in_a_build_pipeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "kafka: {bootstrap.servers: 'a:1', security.protocol: SASL_SSL, sasl.mechanism: PLAIN, sasl.username: u,\n"
        "  sasl.password_file: /no/such/password,\n  ssl.ca.location: /no/such/ca.pem}\n"
        "redis: {password_file: /no/such/redis}\n"
    )

    assert told_by(text, tmp_path, capsys, "--no-secrets") == []
    assert has(told := told_by(text, tmp_path, capsys), 2, "/no/such/password") and has(told, 3, "/no/such/ca.pem")
    assert has(told, 4, "/no/such/redis")


def test_encryption_without_a_broker_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert has(
        told_by("redis: {}\nkafka: {security.protocol: SSL}\n", tmp_path, capsys), 2, "kafka: no broker is named"
    )


def test_a_start_is_refused_with_every_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "driftbell.yaml").write_text(REFUSED_AT_START)
    config = load(tmp_path / "driftbell.yaml", model=MODEL)

    async def start() -> None:
        async with new_session() as session:
            build(config.router, session)

    with pytest.raises(RefusedError) as refused:
        asyncio.run(start())
    for words in ("oncall/slack[0].api_url_env: the environment variable NO_SUCH_URL", "'nobody'", "/no/such/key"):
        assert words in str(refused.value)


def test_a_channel_that_does_not_exist_is_answered_with_those_that_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "router:\n  route: {receiver: a}\n  receivers:\n    - {name: a, teams_configs: []}\n"
    told = told_by(text, tmp_path, capsys)

    assert has(told, 4, "unknown key; known here: alertmanager_configs, ") and "did you mean" not in told[0]


def test_a_value_of_the_wrong_type_does_not_hide_the_other_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "worker:\n  tick: soon\n  http_port: 70000\n"
        "topics: {alerts: 'a b'}\n"
        "router:\n  route: {receiver: a, group_wait: [1]}\n  receivers:\n"
        "    - name: a\n      slack_configs: [{api_url_env: NO_SUCH_URL, send_resolved: perhaps}]\n"
        "      pagerduty_configs:\n        - {routing_key: 5}\n        - {}\n"
    )
    told = told_by(text, tmp_path, capsys)

    for line, word in (
        (2, "worker.tick"),
        (3, "worker.http_port"),
        (4, "topics.alerts"),
        (6, "group_wait"),
        (9, "send_resolved"),
        (9, "NO_SUCH_URL"),
        (11, "routing_key: expected text"),
        (12, "PagerDuty has no routing key"),
    ):
        assert has(told, line, word), (line, word, told)
    assert not has(told, 11, "has no routing key"), "what follows from another mistake is not one"


#: A channel that cannot work, and what is said of it: by the check of the file and by a start alike.
CANNOT_WORK = {
    "a template that fails on the sample": (
        "slack_configs",
        {"api_url": "https://h.example/x", "title": "{{ no }}"},
        "title",
    ),
    "a template that is no Jinja": ("slack_configs", {"api_url": "https://h.example/x", "text": "{% if %}"}, "text"),
    "Go's template language": (
        "slack_configs",
        {"api_url": "https://h.example/x", "title": "{{ .Labels }}"},
        "Go's template",
    ),
    "a secret file that is not there": (
        "webhook_configs",
        {"url_file": "/no/such/url"},
        "there is no file /no/such/url",
    ),
    "an empty routing key": ("pagerduty_configs", {"routing_key": ""}, "the value is empty"),
    "a routing key of 31 characters": ("pagerduty_configs", {"routing_key": "k" * 31}, "a routing key has 32"),
    "a recipient that is no address": ("email_configs", {"to": "nobody"}, "'nobody' is not an address"),
    "a recipient outside ASCII": ("email_configs", {"to": "ops@b\u00fccher.example"}, "is not ASCII"),
    "a reserved header": (
        "email_configs",
        {"to": "a@b.example", "headers": {"Bcc": "x"}},
        "is set by driftbell itself",
    ),
    "a certificate file that is not there": (
        "email_configs",
        {"to": "a@b.example", "tls_ca_file": "/no/ca.pem"},
        "/no/ca.pem",
    ),
}


@pytest.mark.parametrize("kind", CANNOT_WORK)
async def test_the_check_and_the_start_refuse_the_same_channels_in_the_same_words(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, settings, words = CANNOT_WORK[kind]
    router = {
        "global": {"smtp_smarthost": "mail.example.org:587", "smtp_from": "d@example.org"},
        "route": {"receiver": "oncall"},
        "receivers": [{"name": "oncall", key: [settings]}],
    }
    text = json.dumps({"kafka": {"bootstrap.servers": "a:1"}, "router": router})
    told = await asyncio.to_thread(told_by, text, tmp_path, capsys)
    assert len(told) == 1 and words in told[0], told

    config = load(tmp_path / "driftbell.yaml", env={}, model=MODEL)
    assert config.router is not None
    async with new_session() as session:
        with pytest.raises(RefusedError, match=re.escape(words)):
            build(config.router, session)


def test_what_is_allowed_and_hardly_meant_is_a_warning_at_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "driftbell.yaml"
    file.write_text(
        "router:\n  route: {receiver: a}\n  receivers: [{name: a, log_configs: [{}]}]\n  heartbeat: {every: 1m}\n"
    )
    assert main(["config", "check", "--config", str(file)]) == ExitCode.OK
    assert capsys.readouterr().err.startswith(f"warning: {file}:4:")
    file.write_text("")
    assert main(["config", "check", "--config", str(file), "--json"]) == ExitCode.OK
    [warning] = json.loads(capsys.readouterr().out)["warnings"]
    assert "process log" in warning


@pytest.mark.parametrize("name", ["examples/driftbell.yaml", "deploy/driftbell.yaml"])
def test_our_own_files_have_nothing_to_warn_of(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "check", "--no-secrets", "--config", str(Path(__file__).parents[2] / name)])

    assert "warning" not in capsys.readouterr().err
