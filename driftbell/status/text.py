"""A fleet as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftbell.not_watched import by_reason, not_typical_line, not_watched_line
from driftbell.runtime.printable import printable
from driftbell.status.fleet import Fleet, Owned
from driftbell.streams.partition.summary import WatchSummary


def lines(fleet: Fleet) -> Iterator[str]:
    """A line of totals, the workers, the partitions, and what is not as it should be."""
    pending = sum(owned.pending_predictions for owned in fleet.partitions)
    memory = sum(owned.memory_bytes for owned in fleet.partitions)
    yield (
        f"group {fleet.group}: {_count(len(fleet.workers), 'worker')}, {_count(len(fleet.partitions), 'partition')}, "
        f"lag {fleet.lag:,}, {_count(pending, 'prediction')} awaiting a label, {_size(memory)} in Redis"
    )
    yield ""
    yield from _table(
        ("worker", "partitions", "lag", "oldest checkpoint"),
        [
            (owner, ",".join(str(one.partition) for one in held), f"{_lag(held):,}", _age(held))
            for owner, held in sorted(fleet.workers.items())
        ],
    )
    yield ""
    yield from _table(
        ("partition", "worker", "lag", "checkpoint", "models", "awaiting label", "memory"),
        [
            (
                str(one.partition),
                one.owner or "(nobody)",
                f"{_lag([one]):,}",
                _age([one]),
                f"{one.models:,}",
                f"{one.pending_predictions:,}",
                _size(one.memory_bytes),
            )
            for one in fleet.partitions
        ],
    )
    yield from _models(fleet)
    under_way = [str(one) for one in fleet.retired if not one.trouble] + [str(one) for one in fleet.given_up]
    if under_way:
        yield ""
    yield from under_way
    yield from _warnings(fleet)


def _models(fleet: Fleet) -> Iterator[str]:
    if fleet.models:
        yield ""
        plain = sum(not list(_remarks(one)) for one in fleet.models)
        yield f"{plain:,} of {_count(len(fleet.models), 'model version')} watched in full"
    for one in fleet.models:
        for remark in _remarks(one):
            yield printable(f"  {' '.join(filter(None, (one.model, one.version, one.variant)))}: {remark}")
    if fleet.models_left_out:
        yield f"  {_count(fleet.models_left_out, 'more model')} not looked into: see `driftbell status --model NAME`"


def _remarks(one: WatchSummary) -> Iterator[str]:
    if one.unreadable:
        yield f"its state cannot be read ({one.unreadable})"
    elif not one.learned:
        yield (
            f"learns what is normal ({one.predictions_learned:,} of {one.predictions_needed:,} predictions), "
            "and is not watched for drift yet"
        )
    for why, features in by_reason(one.unwatched).items():
        yield not_watched_line(why, features)
    for caveat in one.reference_caveats:
        yield not_typical_line(caveat)
    for part, why in sorted(one.switched_off.items()):
        yield f"{part.replace('_', ' ')} failed and is switched off ({why})"


def _warnings(fleet: Fleet) -> Iterator[str]:
    if fleet.problems:
        yield ""
    yield from fleet.problems


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _lag(held: Sequence[Owned]) -> int:
    return sum(sum(one.lag.values()) for one in held)


def _age(held: Sequence[Owned]) -> str:
    ages = [one.checkpoint_age_seconds for one in held if one.checkpoint_age_seconds is not None]
    return f"{max(ages):.1f} s" if ages else "never"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.1f} KiB"
