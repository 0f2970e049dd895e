"""Workers and routers as processes of their own, as in production."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from driftbell.runtime.config.model import Config
from tests.services.http_get import http_get
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess


class _DriftbellProcess(ServiceProcess):
    """``driftbell <command> --config <file>``."""

    command_name: str

    def __init__(self, folder: Path, config: Config, *, env: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self.port = claim_port()
        self.environment = dict(env or {})
        settings = msgspec.to_builtins(config)
        section = "router" if self.command_name == "router" else "worker"
        settings[section]["http_port"] = self.port
        self._file = folder / "driftbell.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        self._file.write_bytes(msgspec.json.encode(settings))

    def command(self) -> Sequence[str]:
        """The command line."""
        assignments = [f"{name}={value}" for name, value in self.environment.items()]
        return ["env", *assignments, sys.executable, "-m", "driftbell", self.command_name, "--config", str(self._file)]

    def answers(self) -> bool:
        """Whether it is ready."""
        return self.running and self.get("/readyz") == 200

    def get(self, path: str) -> int:
        """The status code of an ops endpoint; 0 when it does not answer."""
        return http_get(f"http://127.0.0.1:{self.port}{path}")[0]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and do not wait."""
        self._signal(number)

    def exit_code(self, timeout: float) -> int | None:
        """The exit code, once it has ended; None when it has not in time."""
        self._wait(timeout)
        return self._process.returncode if self._process is not None else None


class WorkerProcess(_DriftbellProcess):
    """A stream worker."""

    command_name = "worker"


class FaustProcess(WorkerProcess):
    """The worker as Faust's users start it: ``faust -A driftbell.streams.app worker``."""

    def command(self) -> Sequence[str]:
        """The command line."""
        faust = [sys.executable, "-m", "faust", "-A", "driftbell.streams.app", "worker", "--without-web", "-l", "info"]
        return ["env", f"DRIFTBELL_CONFIG={self._file}", *faust]


class RouterProcess(_DriftbellProcess):
    """A router."""

    command_name = "router"


os.environ.setdefault("PYTHONUNBUFFERED", "1")
