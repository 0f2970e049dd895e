"""Logging of every process: lines for people on a terminal, JSON elsewhere, on standard error, without secrets."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable
from typing import Any, Literal, TextIO

from driftbell.runtime.config.address import hide_secrets
from driftbell.runtime.config.section import HIDDEN
from driftbell.runtime.observability.repeats import RepeatFilter
from driftbell.runtime.printable import printable, printable_lines

Format = Literal["text", "json"]

#: Shorter secrets would blank out ordinary words; whoever chooses "ab" as a password hides nothing anyway.
_SHORTEST_SECRET = 4

#: Libraries that report at "info" what matters to their authors. With ``--log-level debug`` they speak.
_CHATTY = ("aiokafka", "asyncio", "faust", "mode", "aiohttp.access", "slack_sdk", "aiosmtplib", "mail.log")

#: Libraries that say the same as long as a broker is away, which may be for hours: shown once a minute.
_REPETITIVE = ("aiokafka", "faust", "mode")

#: What every record has; anything else was given as ``extra`` and is shown.
_OWN = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "data"})

_COLOURS = {logging.WARNING: "\033[33m", logging.ERROR: "\033[31m", logging.CRITICAL: "\033[1;31m"}


def configure(
    level: str = "info",
    format: Format | None = None,
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up the root logger; a second call replaces what the first set up.

    Args:
        level: debug, info, warning or error.
        format: by default text where ``stream`` is a terminal, else json.
        secrets: values that never appear in the output (``driftbell.runtime.config.secrets.secret_values``).
        stream: standard error by default.
    """
    stream = stream or sys.stderr
    on_terminal = stream.isatty()
    if (format or ("text" if on_terminal else "json")) == "text":
        formatter: logging.Formatter = TextFormatter(secrets, colours=on_terminal and not os.environ.get("NO_COLOR"))
    else:
        formatter = JsonFormatter(secrets)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    if logging.getLevelName(level.upper()) > logging.DEBUG:
        handler.addFilter(RepeatFilter(_REPETITIVE))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, _Formatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    quiet = logging.NOTSET if root.level <= logging.DEBUG else max(root.level, logging.WARNING)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(quiet)
    logging.captureWarnings(True)


class _Formatter(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        # The longest first, so that one secret inside another does not leave the rest of it standing.
        known = sorted((secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._secrets:
            text = self._secrets.sub(HIDDEN, text)
        return hide_secrets(text)

    @staticmethod
    def extras(record: logging.LogRecord) -> dict[str, Any]:
        """What was given as ``extra``."""
        return {key: value for key, value in record.__dict__.items() if key not in _OWN and not key.startswith("_")}


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, message, what was given as ``extra``, and the error if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.clean(record.getMessage()),
        }
        line |= {key: value for key, value in self._clean(self.extras(record)).items() if key not in line}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line["error"] = {
                "type": type(error).__name__,
                "message": self.clean(str(error)),
                "stack": self.clean("".join(traceback.format_exception(error))),
            }
        return json.dumps(line, ensure_ascii=False, default=lambda value: self.clean(str(value)))

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self.clean(value)
            case dict():
                return {str(key): self._clean(item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(item) for item in value]
            case _:
                return value


class TextFormatter(_Formatter):
    """For people: local time, level, where it comes from, the message, then ``key=value``; control characters are escaped."""

    def __init__(self, secrets: Iterable[str], *, colours: bool = False) -> None:
        super().__init__(secrets)
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines where there is an error."""
        time = dt.datetime.fromtimestamp(record.created).astimezone()
        level = record.levelname.lower()
        if self._colours and record.levelno in _COLOURS:
            level = f"{_COLOURS[record.levelno]}{level}\033[0m"
        text = f"{time:%H:%M:%S}.{time.microsecond // 1000:03d} {level} {record.name}: {printable(record.getMessage())}"
        text += "".join(f" {printable(f'{key}={value}')}" for key, value in self.extras(record).items())
        if record.exc_info:
            text += "\n" + printable_lines(self.formatException(record.exc_info))
        return self.clean(text)
