"""What must hold in any configuration though types cannot say it; rooms add checks of their own (``loader.load``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as FilePath

from msgspec import structs

from driftbell.runtime.config.document import Path
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router_check import check as router_problems
from driftbell.runtime.kafka import problems, without_files

#: Keys of ``redis`` that name files.
_REDIS_FILES = ("password_file", "tls_ca_file", "tls_certificate_file", "tls_key_file")


def well_formed(config: Config, *, with_environment: bool = True) -> Iterator[tuple[Path, str]]:
    """Yield (path, what is wrong and the fix).

    Args:
        config: the configuration.
        with_environment: whether the files that it names must be there.
    """
    found = list(problems(config.kafka if with_environment else without_files(config.kafka)))
    for name, message in found:
        yield ("kafka", name), message
    if not found and not {"bootstrap.servers", "metadata.broker.list"} & config.kafka.keys():
        # The clients differ in what they do then: the worker's would try this machine, the others no broker at all.
        yield ("kafka",), "no broker is named: add bootstrap.servers: host:port"
    yield from _redis(config, with_environment)
    yield from _topics(config)
    yield from _worker(config)
    for problem in router_problems(config.router):
        yield ("router", *problem.path), f"{problem.message}; {problem.fix}"


def _redis(config: Config, with_environment: bool) -> Iterator[tuple[Path, str]]:
    from driftbell.runtime.redis import connect, is_memory

    settings = config.redis
    if settings.password and settings.password_file:
        yield ("redis", "password_file"), "password and password_file are both set: keep one"
    if not with_environment:
        settings = structs.replace(settings, **dict.fromkeys(_REDIS_FILES))
    missing = [name for name in _REDIS_FILES if (file := getattr(settings, name)) and not FilePath(file).is_file()]
    for name in missing:
        yield ("redis", name), f"there is no file {getattr(settings, name)!r}"
    if missing or is_memory(settings):
        return
    try:
        connect(settings)
    except (ValueError, OSError) as error:
        # The message begins with the key it is about.
        named = re.match(r"redis\.(\w+)", str(error))
        yield ("redis", named[1] if named else "url"), str(error)


def _topics(config: Config) -> Iterator[tuple[Path, str]]:
    topics = config.topics
    names = [
        key for key, value in structs.asdict(topics).items() if isinstance(value, str) and key != "dead_letter_suffix"
    ]
    seen: dict[str, str] = {}
    for key in names:
        name = getattr(topics, key)
        if not name or len(name) > 249 or not all((c.isalnum() and c.isascii()) or c in "._-" for c in name):
            # Limits of Kafka's own Topic.validate.
            yield ("topics", key), f"{name!r} is no topic name: letters, digits, '.', '_' and '-', 249 at most"
        if name in seen:
            yield ("topics", key), f"{name!r} is the name of topics.{seen[name]} too: give each its own"
        seen[name] = key
    if not topics.dead_letter_suffix:
        yield ("topics", "dead_letter_suffix"), "an empty suffix would write dead letters into the input; use .DLQ"


def _worker(config: Config) -> Iterator[tuple[Path, str]]:
    worker = config.worker
    for key in ("tick", "checkpoint_interval", "session_timeout"):
        if getattr(worker, key) == 0:
            yield ("worker", key), f"{key} cannot be zero"
    if worker.http_port is not None and not 0 <= worker.http_port <= 65535:
        yield ("worker", "http_port"), "a port is a number from 0 (any free one) to 65535, or null"
    if config.join.horizon == 0:
        yield ("join", "horizon"), "a horizon of zero joins no label; write how late labels may come, such as 7d"
