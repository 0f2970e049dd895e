"""What was read against the log as it is now: whether it is lost is decided by epochs and topic ids, not by offsets alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.partition.input_logs.comparison import ActualLog, EpochEnd, InputGone, compare
from driftbell.streams.partition.input_logs.remembered import RememberedLog, RememberedLogs
from driftbell.streams.records import Input


@dataclass
class Replica:
    """A replica's log: of each record its epoch and a name; ``began`` is where each epoch began, as leaders remember it."""

    records: list[tuple[int, int]] = field(default_factory=list)

    def end_of(self, asked: int, leads_since: tuple[int, int]) -> EpochEnd:
        """What a leader answers; as Kafka's ``LeaderEpochFileCache.endOffsetFor``."""
        began: dict[int, int] = {}
        for at, (epoch, _) in enumerate(self.records):
            began.setdefault(epoch, at)
        began.setdefault(*leads_since)
        later = {epoch: at for epoch, at in began.items() if epoch > asked}
        if asked == max(began):
            return EpochEnd(asked, len(self.records))
        if not later:
            return EpochEnd(-1, -1)
        known = [epoch for epoch in began if epoch <= asked]
        return EpochEnd(max(known) if known else asked, min(later.values()))


def test_every_loss_is_found_where_it_begins_and_no_other() -> None:
    losses = 0
    for seed in range(400):
        rng = random.Random(seed)
        replicas = [Replica() for _ in range(3)]
        epoch, leader = 0, replicas[0]
        since = (0, 0)
        read: list[tuple[int, int]] = []
        log = RememberedLog("id")
        for name in range(40):
            if rng.random() < 0.3:
                # Any replica becomes the leader; the next epoch, though others may have passed without a record of ours.
                epoch += rng.randrange(1, 3)
                leader = rng.choice(replicas)
                since = (epoch, len(leader.records))
            leader.records += [(epoch, name * 10 + n) for n in range(rng.randrange(4))]
            for follower in replicas:
                if follower is not leader and rng.random() < 0.4:
                    follower.records = list(leader.records[: rng.randrange(len(leader.records) + 1)])
            if read:
                same = next(
                    (at for at, (ours, its) in enumerate(zip(read, leader.records, strict=False)) if ours != its),
                    min(len(read), len(leader.records)),
                )
                offset = len(read)
                while (latest := log.epochs.of(offset)) is not None:
                    actual = ActualLog(0, len(leader.records), "id", leader.end_of(latest, since))
                    found = compare(offset, log, actual)
                    if found is None:
                        break
                    assert found.why is Loss.TAIL_LOST
                    assert same <= found.go_on_at < offset
                    offset = found.go_on_at
                assert offset == same, seed
                losses += same < len(read)
                del read[same:]
                log.epochs.forget_from(same)
            more = leader.records[len(read) : len(read) + rng.randrange(5)]
            for at, record in enumerate(more, len(read)):
                log.epochs.note(at, record[0])
            read += more

    assert losses > 500


TAIL = RememberedLog("id", [(0, 3), (70, 4)])
UNKNOWN = RememberedLog(None, [(0, 3), (70, 4)])
OF_BEFORE = RememberedLog()


@pytest.mark.parametrize(
    ("read", "log", "gone"),
    [
        (TAIL, ActualLog(0, 100, "id", EpochEnd(4, 100)), None),
        (TAIL, ActualLog(0, 200, "id", EpochEnd(4, 150)), None),
        # The high watermark of a new leader may lag behind.
        (TAIL, ActualLog(0, 90, "id", EpochEnd(4, 120)), None),
        (TAIL, ActualLog(0, 200, "id", EpochEnd(4, 80)), InputGone(Loss.TAIL_LOST, 80)),
        (TAIL, ActualLog(0, 200, "id", EpochEnd(3, 60)), InputGone(Loss.TAIL_LOST, 60)),
        # It has more records of epoch 3 than we have read: they are others than ours of epoch 4.
        (TAIL, ActualLog(0, 200, "id", EpochEnd(3, 90)), InputGone(Loss.TAIL_LOST, 70)),
        (TAIL, ActualLog(85, 200, "id", EpochEnd(4, 80)), InputGone(Loss.TAIL_LOST, 85)),
        (TAIL, ActualLog(0, 200, "other", EpochEnd(4, 200)), InputGone(Loss.TOPIC_RECREATED, 0)),
        (TAIL, ActualLog(7, 20, "other", None), InputGone(Loss.TOPIC_RECREATED, 7)),
        (TAIL, ActualLog(150, 200, "id", EpochEnd(4, 150)), InputGone(Loss.RETENTION, 150)),
        # A leader of before that does not know yet that it leads no more.
        (TAIL, ActualLog(0, 100, "id", EpochEnd(-1, -1)), None),
        (TAIL, ActualLog(0, 90, "id", EpochEnd(-1, -1)), InputGone(Loss.TAIL_LOST, 90)),
        # The brokers do not know the question.
        (TAIL, ActualLog(0, 90, "id"), InputGone(Loss.TAIL_LOST, 90)),
        (TAIL, ActualLog(0, 200, "id"), None),
        # Nor topic ids: the same epoch and a shorter log is no election.
        (UNKNOWN, ActualLog(0, 90, None, EpochEnd(4, 90)), InputGone(Loss.TOPIC_RECREATED, 0)),
        (UNKNOWN, ActualLog(0, 120, "id", EpochEnd(4, 90)), InputGone(Loss.TAIL_LOST, 90)),
        (UNKNOWN, ActualLog(0, 90), InputGone(Loss.TOPIC_RECREATED, 0)),
        # State of before: by offsets alone.
        (OF_BEFORE, ActualLog(0, 90, "id"), InputGone(Loss.TOPIC_RECREATED, 0)),
        (OF_BEFORE, ActualLog(0, 100, "id"), None),
        (OF_BEFORE, ActualLog(120, 150, "id"), InputGone(Loss.RETENTION, 120)),
    ],
)
def test_what_is_lost(read: RememberedLog, log: ActualLog, gone: InputGone | None) -> None:
    assert compare(100, read, log) == gone


def test_what_is_remembered_is_of_what_was_processed_and_survives_a_restart() -> None:
    logs = RememberedLogs()
    logs[Input.PREDICTIONS].topic_id = "id"
    logs.note(Input.PREDICTIONS, [(0, 1), (50, 2)])
    logs.note(Input.PREDICTIONS, [(90, 3)])
    again = RememberedLogs()
    again.restore(logs.state({Input.PREDICTIONS: 80, Input.FEEDBACK: 0}))

    assert again[Input.PREDICTIONS].topic_id == "id"
    assert again[Input.PREDICTIONS].epochs.before(1000) == [(0, 1), (50, 2)]
    assert again[Input.FEEDBACK].epochs.latest is None


@pytest.mark.parametrize(("other_topic", "left"), [(False, [(0, 1)]), (True, [])])
def test_what_is_gone_is_forgotten(other_topic: bool, left: list[tuple[int, int]]) -> None:
    logs = RememberedLogs()
    logs.note(Input.FEEDBACK, [(0, 1), (50, 2)])
    logs.begin_anew(Input.FEEDBACK, 40, other_topic=other_topic)

    assert logs[Input.FEEDBACK].epochs.before(1000) == left
