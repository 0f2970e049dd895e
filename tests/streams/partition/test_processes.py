"""Two processes come to the same bytes: Python gives each its own order of sets, and its own addresses."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.streams.partition.owner import Owner
from tests.streams.partition.story import END_MS, config, inputs

ROOT = Path(__file__).parents[3]


def digest(seed: int) -> str:
    """A fingerprint of everything that is saved and published."""
    owner = Owner(config(), inputs(seed))
    owner.finish(END_MS)
    seen = hashlib.sha256(owner.saved.core or b"")
    for name, blob in owner.saved.models.items():
        seen.update(name.encode() + blob)
    for record in owner.published:
        seen.update(record.key + (record.value or b""))
    return seen.hexdigest()


def elsewhere(hash_seed: str) -> str:
    """The same in another process."""
    code = "from tests.streams.partition.test_processes import digest; print(digest(1))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.slow
def test_the_order_of_sets_in_a_process_does_not_matter() -> None:
    assert {elsewhere("1"), elsewhere("2"), elsewhere("3")} == {digest(1)}
