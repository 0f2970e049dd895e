"""No child outlives its parent, however the parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftbell.embedded import ProcessGroup

SLEEPER = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    *(sys.executable, "-S", "-c"),
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]

#: A parent that starts a sleeping child, says its number, and waits.
PARENT = f"""
import sys, tempfile, time
from pathlib import Path
from driftbell.embedded import ProcessGroup
processes = ProcessGroup(Path(tempfile.mkdtemp()))
print(processes.start("child", {SLEEPER!r}).process.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed child whose new parent has not collected it yet is a zombie: dead.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_up(log: Path) -> None:
    deadline = time.monotonic() + 10
    while "up" not in log.read_text():
        assert time.monotonic() < deadline, "the child did not start"
        time.sleep(0.01)


def test_stop_ends_children_with_sigterm(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as processes:
        children = [processes.start(name, SLEEPER) for name in ("one", "two")]
        for child in children:
            wait_until_up(child.log)
        processes.stop(grace=5)

        assert [child.exit_code for child in children] == [-signal.SIGTERM] * 2


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as processes:
        child = processes.start("stubborn", STUBBORN)
        wait_until_up(child.log)
        processes.stop(grace=0.1)

        assert child.exit_code == -signal.SIGKILL


def test_an_error_in_the_block_leaves_no_child(tmp_path: Path) -> None:
    processes = ProcessGroup(tmp_path)

    def fail_while_it_runs() -> None:
        with processes:
            processes.start("child", SLEEPER)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail_while_it_runs()

    assert processes.children[0].exit_code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)


def test_the_end_of_the_log_tells_what_a_child_said(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as processes:
        child = processes.start("liar", [sys.executable, "-S", "-c", "raise SystemExit('no such broker')"])
        child.process.wait(10)

    assert child.exit_code == 1
    assert child.log_tail() == "no such broker"
