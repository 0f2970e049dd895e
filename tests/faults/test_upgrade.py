"""The short form of ``python -m tests.faults.upgrade``; a checkpoint of long ago is in ``tests/streams/checkpoints``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.upgrade import EARLIER, NoHistoryError, checkout, refused, upgrade
from tests.services import KafkaCluster, RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.mark.parametrize("commit", EARLIER)
def test_a_rolling_upgrade_is_exact_and_a_rollback_is_refused(commit: str, kafka: KafkaCluster, tmp_path: Path) -> None:
    try:
        code = checkout(commit, tmp_path)
    except NoHistoryError as error:
        # Also in CI, whose clone may be shallow: test_earlier_release.py reads a recorded checkpoint there.
        pytest.skip(f"git has no commit {commit} to upgrade from ({error}): clone with the whole history")
    with RedisServer(tmp_path / "redis") as redis:
        done = upgrade(4, code, tmp_path, kafka, redis)

    assert done.differences == []
    # How many fall before the last old worker is replaced depends on the machine.
    assert done.alerts_before + done.alerts_after > 5
    assert set(done.exit_codes) == {0}
    assert refused(done), done.rolled_back_log
