"""Whether a log still holds what was read of it, and where to read on if it does not.

An offset alone does not tell: of a log that lost its end (an unclean election of a leader) and of a topic that was created
again the offsets are used a second time. The epochs of the leaders tell the one, the topic's id the other.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.partition.input_logs.remembered import RememberedLog

#: The end of a log of which it was not asked.
ENDLESS: Final = 2**63 - 1


class EpochEnd(NamedTuple):
    """A leader's answer to the question where its log ends in an epoch."""

    #: The last epoch up to the asked one that it knows; negative where it knows none.
    epoch: int
    #: The offset after that epoch's last record.
    end: int


class ActualLog(NamedTuple):
    """A log as the brokers describe it now."""

    first: int = 0
    end: int = ENDLESS
    topic_id: str | None = None
    #: For the epoch of the record before our offset; None where that could not be asked.
    epoch_end: EpochEnd | None = None


class InputGone(NamedTuple):
    """Input that is gone, and the offset to go on at."""

    why: Loss
    go_on_at: int


def compare(offset: int, read: RememberedLog, log: ActualLog) -> InputGone | None:
    """What is lost of an input that was read up to before ``offset``; None: nothing."""
    known = read.topic_id is not None and log.topic_id is not None
    if known and read.topic_id != log.topic_id:
        return InputGone(Loss.TOPIC_RECREATED, log.first)
    end = _common_end(offset, read, log.epoch_end)
    if end is not None and end < offset:
        if not known and _began_again(offset, read, log):
            return InputGone(Loss.TOPIC_RECREATED, log.first)
        return InputGone(Loss.TAIL_LOST, max(end, log.first))
    if offset > log.end and end is None:
        # With the same topic it has lost its end, and where is not known: from there on nothing is missed.
        return InputGone(Loss.TAIL_LOST, log.end) if known else InputGone(Loss.TOPIC_RECREATED, log.first)
    if offset < log.first:
        return InputGone(Loss.RETENTION, log.first)
    return None


def _common_end(offset: int, read: RememberedLog, answer: EpochEnd | None) -> int | None:
    """Up to where the log may hold what was read of it, at most; None: not known."""
    if answer is None or answer.epoch < 0:
        # A leader that knows no epoch as early may be one that has not heard yet that it no longer leads.
        return None
    ours = read.epochs.end_of(answer.epoch)
    # The leader may have more of that epoch than we have read of it, and from there on other records than we have read.
    return min(answer.end, offset if ours is None else ours)


def _began_again(offset: int, read: RememberedLog, log: ActualLog) -> bool:
    """Whether a log of which no topic id is known is that of a new topic: nobody has led it later than what we have read.

    An election of another leader would have given it a later epoch.
    """
    answer = log.epoch_end
    return answer is not None and answer.epoch == read.epochs.of(offset) and answer.end >= log.end


__all__ = ["ENDLESS", "ActualLog", "EpochEnd", "InputGone", "compare"]
