"""A router whose port is taken says so once, and which key to change."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

import pytest

from driftbell import cli
from driftbell.exit_codes import ExitCode


@pytest.mark.filterwarnings("error")
def test_a_taken_port_is_named_once_with_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        path = tmp_path / "driftbell.yaml"
        path.write_text(
            "kafka: {bootstrap.servers: '127.0.0.1:9'}\nredis: {url: 'memory://'}\n"
            f"router: {{http_host: 127.0.0.1, http_port: {port}}}\n"
        )

        before = gc.get_threshold()
        try:
            assert cli.main(["router", "-c", str(path)]) == ExitCode.FAILED
        finally:
            # The command sets the collector of its own process.
            gc.set_threshold(*before)
            gc.unfreeze()
            gc.collect()

    said = capsys.readouterr().err.splitlines()
    at = said.index(f"driftbell: the ops endpoints cannot listen on 127.0.0.1:{port}: Address already in use")
    assert said[at + 1].startswith("  fix: stop what listens there, or change router.http_host and router.http_port")
    assert not [line for line in said if "Unclosed" in line]
