"""The configuration of a command: the file and the environment, with errors as the command line shows them; and its log."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

from driftbell.alerting.channels.registry import MODEL, refusals
from driftbell.alerting.process.reloading.effective import unmet
from driftbell.errors import UsageError
from driftbell.runtime.config.document import Path
from driftbell.runtime.config.loader import Check, ConfigError, Doubt, find, load
from driftbell.runtime.config.model import Config, Monitoring
from driftbell.runtime.config.router_warnings import router_warnings
from driftbell.runtime.config.secrets import secret_values
from driftbell.runtime.observability import logs

log = logging.getLogger(__name__)


class InvalidConfigurationError(UsageError):
    """The configuration cannot be used. ``problems`` has every mistake with its place, as a sentence."""

    def __init__(self, problems: list[str]) -> None:
        listed = problems[0] if len(problems) == 1 else "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"the configuration cannot be used: {listed}".replace(": \n", ":\n"))
        self.problems = problems


def configured(options: argparse.Namespace) -> Config:
    """What the options, the environment and the file say together. Sets up the log, which never shows its secrets.

    Raises:
        InvalidConfigurationError: naming file, line and fix of every mistake.
    """
    warnings: list[str] = []
    config = _read(options, warn=warnings.append)
    _log_without(secret_values(config), options, warnings)
    return config


class RouterConfiguration:
    """What a router runs with, read at its start and again while it runs. The log shows the secrets of none of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        #: What was read last. Its loss is a mistake: without a file all is defaults, which nobody means by a reload.
        self._file: FilePath | None = None
        self._secrets: frozenset[str] = frozenset()

    def read(self) -> Config:
        """Read and check everything, as ``config check`` does. No event loop may run in this thread.

        Raises:
            InvalidConfigurationError: naming file, line and fix of every mistake, or the file that was there and is gone.
        """
        warnings: list[str] = []
        file = find(getattr(self._options, "config", None)) or self._file
        options = argparse.Namespace(**{**vars(self._options), "config": file})
        config = check_everything(options, warn=warnings.append)
        self._file = file
        self._secrets |= secret_values(config)
        _log_without(self._secrets, self._options, warnings)
        return config


def _log_without(secrets: frozenset[str], options: argparse.Namespace, warnings: list[str]) -> None:
    logs.configure(getattr(options, "log_level", "info"), getattr(options, "log_format", None), secrets=secrets)
    for warning in warnings:
        log.warning("%s", warning)


def check_everything(
    options: argparse.Namespace, *, with_environment: bool = True, warn: Callable[[str], object] = log.warning
) -> Config:
    """What a router runs with: ``config check``, its start and its reload ask here, and refuse the same.

    All that ``configured`` checks, and its channels are built; they connect to nothing. No event loop may run in this thread.

    Args:
        options: as parsed; ``config`` names the file.
        with_environment: whether variables and files that hold secrets are there, as they are where it will run.
        warn: is told of what is no mistake for sure.

    Raises:
        InvalidConfigurationError: naming file, line and fix of every mistake.
    """

    def channels(config: Config) -> Iterator[tuple[Path, str]]:
        for wrong in asyncio.run(refusals(config.router, with_environment=with_environment)):
            yield ("router", *wrong.path), f"{wrong.message}; {wrong.fix}"
        if not with_environment:
            return
        for wrong in unmet(config.router):
            yield ("router", *wrong.path), f"{wrong.message}; {wrong.fix}"

    return _read(options, channels, doubts=[_doubts], with_environment=with_environment, warn=warn)


def _doubts(config: Config, written: Any) -> Iterator[tuple[Path, str]]:
    router = written.get("router") if isinstance(written, dict) else None
    for doubt in router_warnings(config.router, router if isinstance(router, dict) else ()):
        yield ("router", *doubt.path), f"{doubt.message}; {doubt.fix}"


def _read(
    options: argparse.Namespace,
    *checks: Check,
    warn: Callable[[str], object],
    doubts: Sequence[Doubt] = (),
    with_environment: bool = True,
) -> Config:
    file = getattr(options, "config", None)
    try:
        return load(
            file,
            checks=[_monitors, *checks],
            doubts=doubts,
            model=MODEL,
            with_environment=with_environment,
            warn=warn,
        )
    except ConfigError as error:
        raise InvalidConfigurationError([str(problem) for problem in error.problems]) from None


def _monitors(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Names and options of monitors, which only ``streams`` knows."""
    settings: dict[tuple[str, ...], Monitoring] = {("monitoring",): config.monitoring}
    settings |= {("models", model): config.monitoring_for(model) for model in config.models}
    if not any(one.monitors for one in settings.values()):
        return  # the monitors bring numpy and River along, and most commands can do without
    from driftbell.streams.monitors.watch import mistakes

    told: set[tuple[tuple[str, ...], str]] = set()
    for path, one in settings.items():
        for where, message in mistakes(one):
            # What a model takes over from `monitoring` is a mistake there, and once.
            if (where, message) not in told:
                told.add((where, message))
                yield (*path, *where), message
