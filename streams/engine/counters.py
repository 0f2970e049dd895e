"""What the engine counts in one process, beyond what the partitions' own state counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.engine.runner import ALERT_DELAY_SECONDS, SAVE_SECONDS, Runner
from driftbell.streams.records import Input
from driftbell.streams.stats.histogram import Distribution

#: Bounds of the time that the event loop could not run; 0.25 s is what it must never exceed.
LOOP_BLOCKED_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


@dataclass(slots=True)
class EngineCounts:
    """What the engine counts in this process; see ``driftbell.streams.observability.metrics`` for their meaning."""

    rebalances: int = 0
    fenced_saves: int = 0
    rolled_back_stores: int = 0
    #: Times a partition failed and was set aside.
    partition_failures: int = 0
    skipped_replay: int = 0
    offset_gaps: int = 0
    watermarks_forced: int = 0
    loop_blocked_seconds_max: float = 0.0
    loop_blocked: Distribution = field(default_factory=lambda: Distribution(LOOP_BLOCKED_SECONDS))
    save_seconds: Distribution = field(default_factory=lambda: Distribution(SAVE_SECONDS))
    alert_delay: Distribution = field(default_factory=lambda: Distribution(ALERT_DELAY_SECONDS))
    #: Parts of checkpoints that could not be read and began again.
    state_left_out: int = 0
    #: Records whose timestamps were not believed.
    timestamps_ahead: Counter[Input] = field(default_factory=Counter)
    lost_input: Counter[tuple[Input, Loss]] = field(default_factory=Counter)
    unknown_fields: Counter[Input] = field(default_factory=Counter)

    def blocked(self, seconds: float) -> None:
        """Count a time for which the event loop could not run."""
        self.loop_blocked_seconds_max = max(self.loop_blocked_seconds_max, seconds)
        self.loop_blocked.observe(seconds)

    def copy(self) -> EngineCounts:
        """What goes on from here without changing this."""
        return replace(
            self,
            save_seconds=self.save_seconds.copy(),
            alert_delay=self.alert_delay.copy(),
            unknown_fields=self.unknown_fields.copy(),
            timestamps_ahead=Counter(self.timestamps_ahead),
        )

    def add(self, runner: Runner) -> None:
        """Count what one partition has counted, too."""
        self.fenced_saves += runner.fenced_saves
        self.skipped_replay += runner.partition.skipped_replay
        self.offset_gaps += runner.partition.offset_gaps
        for source, unknown in runner.partition.unknown_fields.items():
            self.unknown_fields[source] += unknown.counts.total()
        self.timestamps_ahead.update(runner.partition.timestamps_ahead)
        self.save_seconds.update(runner.save_seconds)
        self.alert_delay.update(runner.alert_delay)


@dataclass(slots=True)
class PastCounts:
    """What partitions no longer held had counted in this process."""

    counts: Counter[str] = field(default_factory=Counter)
    joins: Counter[str] = field(default_factory=Counter)

    def add(self, runner: Runner) -> None:
        """Count what one partition has counted, too."""
        self.counts.update(runner.partition.run_counts)
        self.joins.update(runner.partition.run_joins)
