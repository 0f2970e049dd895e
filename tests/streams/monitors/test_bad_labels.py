"""Bad labels of a regression: what a checkpoint holds of them does not depend on restarts."""

from __future__ import annotations

from driftbell.streams.encoding import decode, encode
from driftbell.streams.monitors.performance.bad_labels import BadLabels


def test_a_restart_changes_no_byte_of_the_checkpoint() -> None:
    used = BadLabels(1000, 3, 1_000_000)
    used.taken_out([(1.0, 1.1), (2.0, "n/a")], 1_795_521_600_000)
    before = encode(used.state())
    again = BadLabels.restored(decode(before), 1_000_000)
    assert encode(again.state()) == before
