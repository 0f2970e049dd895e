"""The demo tells its story through the real pipeline: client, Kafka, worker process, router process, channels."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: The promise of the README, installation aside.
LIMIT = 60.0


@pytest.mark.e2e
def test_a_reader_who_goes_away_ends_the_demo_without_a_word() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m driftbell demo | head -n 1"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert done.stdout.startswith("driftbell demo")
    assert done.stderr == ""


@pytest.mark.e2e
def test_one_change_is_one_page_on_each_of_three_channels_and_is_closed(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "driftbell", "demo"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    seconds = time.monotonic() - begun

    assert done.returncode == 0, done.stdout + done.stderr
    for channel in ("Slack", "PagerDuty", "email"):
        pages = re.findall(rf"PAGE\s+{channel}\s", done.stdout)
        closes = re.findall(rf"CLOSED\s+{channel}\s", done.stdout)
        assert len(pages) == len(closes) == 1, done.stdout
    assert re.search(r"CRITICAL shuttle v1: error rate [0-9.]+ -> [0-9.]+ % since", done.stdout), done.stdout
    assert re.search(r"Cause: .*f7", done.stdout.replace("\n" + 27 * " ", " ")), done.stdout
    assert "\x1b" not in done.stdout, "no colours where there is no terminal"
    assert done.stderr == ""
    assert seconds < LIMIT
