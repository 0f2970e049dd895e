"""What holds an alert back, in words."""

from __future__ import annotations

import pytest

from driftbell.alerting.muting.muter import Muted, MuteKind, Muting
from driftbell.alerting.state.records import Acknowledgement
from driftbell.held_back import said


@pytest.mark.parametrize(
    ("until_ms", "words"),
    [(0, "acknowledged by ann"), (1_795_750_000_000, "snoozed until 2026-11-27 03:26:40 UTC by ann")],
)
def test_a_snooze_says_until_when(until_ms: int, words: str) -> None:
    by = Muted((Muting(MuteKind.SILENCED, ("s1",)), Muting(MuteKind.ACKNOWLEDGED, ("ann",))))

    assert said(by, Acknowledgement(by="ann", at_ms=1, until_ms=until_ms)) == f"silenced by s1; {words}"
