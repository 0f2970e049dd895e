"""Logging: what people and machines read, and what neither may see."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.alerting.channels.email.settings import EmailConfig
from driftbell.alerting.channels.registry import receiver
from driftbell.alerting.channels.slack.settings import SlackConfig
from driftbell.runtime.config.model import Config, Redis
from driftbell.runtime.config.router import Global, RouterConfig
from driftbell.runtime.config.secrets import secret_values
from driftbell.runtime.observability.logs import configure

log = logging.getLogger("driftbell.test")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The root logger as pytest set it up."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in ("aiokafka", "asyncio", "faust", "mode", "aiohttp.access", "slack_sdk", "aiosmtplib", "mail.log"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _json(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_of_json_has_time_level_logger_message_and_extras() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    log.info("saved %d models", 3, extra={"partition": 7, "reason": "interval"})

    line = _json(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "driftbell.test",
        "message": "saved 3 models",
        "partition": 7,
        "reason": "interval",
    }


def test_an_extra_cannot_overwrite_the_message() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    log.info("true", extra={"level": "false", "logger": "false"})

    assert (_json(stream)["level"], _json(stream)["logger"]) == ("info", "driftbell.test")


def test_an_error_brings_its_stack_on_one_line() -> None:
    stream = io.StringIO()
    configure(stream=stream)
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        log.exception("failed")

    error = _json(stream)["error"]
    assert (error["type"], error["message"]) == ("RuntimeError", "two\nlines")
    assert "test_logs.py" in error["stack"]


def test_people_read_text_with_keys_and_values() -> None:
    stream = io.StringIO()
    configure(format="text", stream=stream)
    log.warning("slow", extra={"partition": 7})

    assert stream.getvalue().endswith(" warning driftbell.test: slow partition=7\n")


@pytest.mark.parametrize("format", ["text", "json"])
def test_secrets_never_appear(format: Any) -> None:
    stream = io.StringIO()
    configure(format=format, secrets=["s3cret", "s3cret-and-more", "ab"], stream=stream)
    try:
        raise ValueError("bad s3cret-and-more")
    except ValueError:
        log.exception("with s3cret %s ab", "s3cret", extra={"url": ["redis://me:s3cret@host/0"], "x": {"y": "s3cret"}})
    log.info("redis://user:unknown-password@host:6379/0 refused")

    text = stream.getvalue()
    assert "s3cret" not in text
    assert "and-more" not in text
    assert "unknown-password" not in text
    assert "redis://<secret>@host:6379/0 refused" in text
    assert "<secret> <secret> ab" in text


def test_libraries_speak_at_debug_only() -> None:
    stream = io.StringIO()
    configure("info", stream=stream)
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger("aiokafka.consumer").warning("matters")
    assert _json(stream)["message"] == "matters"

    configure("debug", stream=stream)
    logging.getLogger("aiokafka.consumer").info("wanted")
    assert stream.getvalue().count("\n") == 2


def test_configuring_twice_does_not_log_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(stream=first)
    configure(stream=second)
    log.info("once")

    assert first.getvalue() == ""
    assert _json(second)["message"] == "once"


def test_every_kind_of_secret_in_a_configuration_is_found(tmp_path: Path) -> None:
    for name in ("kafka", "redis", "smtp"):
        (tmp_path / name).write_text(f"file-{name}\n")
    config = Config(
        kafka={"ssl.key.password": "direct-kafka", "sasl.password_file": str(tmp_path / "kafka")},
        redis=Redis(url="redis://u:in%2Furl@h/0", password="direct-redis", password_file=str(tmp_path / "redis")),
        router=RouterConfig(
            global_=Global(smtp_auth_password_file=str(tmp_path / "smtp"), slack_api_url_file="/no/such/file"),
            receivers=[
                receiver(
                    name="r",
                    slack_configs=[SlackConfig(api_url="https://hooks.example/T/B/x", bot_token_env="TOKEN")],
                    email_configs=[EmailConfig(auth_password="direct-smtp")],
                )
            ],
        ),
    )

    assert secret_values(config, {"TOKEN": "env-token"}) == {
        "direct-kafka",
        "file-kafka",
        "in%2Furl",
        "in/url",
        "direct-redis",
        "file-redis",
        "file-smtp",
        "https://hooks.example/T/B/x",
        "env-token",
        "direct-smtp",
    }
