"""Ctrl-C at any moment of the demo leaves no process behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: In the environment of the demo and so of everything it starts.
MARK = "DRIFTBELL_TEST_MARK"

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

#: Seconds after the start: at random in each stretch of the start, but from a seed, so that a failure can be repeated.
RANDOM = random.Random(20)
MOMENTS = [round(start + RANDOM.uniform(0.0, 3.0), 2) for start in (0.0, 3.0, 6.0, 9.0)]


def related(mark: str, directory: Path) -> list[str]:
    """The running processes that carry the mark or work in the directory, as command lines.

    Valkey writes its title over its environment, so it is known by where it works.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            works_in = (process / "cwd").readlink()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        marked = f"{MARK}={mark}".encode() in environment.split(b"\0")
        if command and (marked or works_in.is_relative_to(directory)):
            found.append(command)
    return found


class RunningDemo:
    """The demo in a session of its own, as a terminal would start it."""

    def __init__(self, directory: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.directory = directory
        self.output = directory / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "driftbell", "demo"],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, MARK: self.mark, "TMPDIR": str(directory)},
                start_new_session=True,
            )

    def wait_for(self, text: str) -> None:
        """Wait until the demo has printed something."""
        deadline = time.monotonic() + 60
        while text not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)

    def running(self) -> list[str]:
        """The demo and everything that it started."""
        return related(self.mark, self.directory)

    def left_behind(self) -> list[str]:
        """What still runs; given a moment, since the kernel ends children after their parent."""
        deadline = time.monotonic() + 3
        while (left := self.running()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    running = RunningDemo(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_leaves_no_process(demo: RunningDemo, moment: float) -> None:
    time.sleep(moment)
    os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group

    demo.process.wait(20)
    assert demo.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_every_polite_signal_ends_the_story_in_good_order(
    demo: RunningDemo, tmp_path: Path, number: signal.Signals
) -> None:
    demo.wait_for("Quiet traffic")
    assert len(demo.running()) >= 4  # the demo, Valkey, the worker, the router
    demo.process.send_signal(number)

    assert demo.process.wait(20) == 130
    assert demo.left_behind() == []
    assert "nothing is left running" in demo.output.read_text()
    assert "Traceback" not in demo.output.read_text()
    assert list(tmp_path.glob("driftbell-demo-*")) == []


def test_a_second_ctrl_c_does_not_wait(demo: RunningDemo) -> None:
    demo.wait_for("Quiet traffic")
    for _ in range(3):
        demo.process.send_signal(signal.SIGINT)
        time.sleep(0.1)

    demo.process.wait(20)
    assert demo.left_behind() == []


def test_even_sigkill_leaves_no_process(demo: RunningDemo) -> None:
    demo.wait_for("Quiet traffic")
    demo.process.kill()

    demo.process.wait(20)
    assert demo.left_behind() == []
