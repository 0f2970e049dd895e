"""The tests pass wherever they are started from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Set in the run inside of the run.
INSIDE = "DRIFTBELL_TEST_IN_BACKGROUND"


@pytest.mark.skipif(INSIDE not in os.environ, reason="is run by the test below")
def test_what_a_test_starts_can_be_interrupted() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(10) == -signal.SIGINT
        finally:
            child.kill()


@pytest.mark.slow
def test_a_run_started_in_the_background_can_interrupt_what_it_starts() -> None:
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    inner = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "can_be_interrupted", __file__]
    done = subprocess.run(
        [sys.executable, "-c", code, *inner],
        cwd=ROOT,
        env={**os.environ, INSIDE: "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
