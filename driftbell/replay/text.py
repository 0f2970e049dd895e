"""A replay's report as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftbell.history import History
from driftbell.not_watched import not_typical_line, not_watched_line
from driftbell.replay.report import Episode, Report, Row, Watched
from driftbell.runtime.measured import strength
from driftbell.runtime.printable import printable
from driftbell.schemas import to_rfc3339
from driftbell.schemas.unknown_fields import describe

#: Metrics shown of a model where it has them, most telling first, by the head of their column.
SHOWN_VALUES = {
    "accuracy": "accuracy_score",
    "f1": "f1_score",
    "mean abs. error": "mean_absolute_error",
    "r2": "r2_score",
    "failed": "failure_rate",
}


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the replay looked, in seconds of the file's time, and how often a worker does."""

    seconds: float
    worker_seconds: float


def episode_line(episode: Episode) -> str:
    """One alert in the list: when, how long, what."""
    if episode.minutes is None:
        lasted = "still on"
    else:
        lasted = f"{episode.minutes:,.0f} min" if episode.minutes >= 1 else f"{episode.minutes * 60:.0f} s"
    moment = episode.started[:19].replace("T", " ")
    return f"{moment}  {lasted:>10}  {episode.severity:<8}  {printable(f'{episode.alertname}: {episode.summary}')}"


def lines(
    report: Report, history: History, seconds: float, watched: Sequence[Watched] = (), looks: Looks | None = None
) -> Iterator[str]:
    """The whole report; control characters in what the file names are escaped."""
    yield from map(printable, _lines(report, history, seconds, watched, looks))


def _lines(
    report: Report, history: History, seconds: float, watched: Sequence[Watched], looks: Looks | None
) -> Iterator[str]:
    yield from _input(history, seconds)
    if report.dead_letters:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.dead_letters.most_common())
        yield f"{report.dead_letters.total():,} events would have been dead-lettered: {reasons}"
    for source, names in report.unknown_fields.items():
        for name, count in names.most_common():
            yield f"in {count:,} events of {source.value} {describe(name, source.spec.fields)}"
    if looks is not None and looks.seconds > looks.worker_seconds:
        yield (
            f"the file is sparse: it was examined every {_length(looks.seconds)} of its own time, where a worker looks every "
            f"{_length(looks.worker_seconds)} (--exact does so)"
        )
    yield ""
    for one in watched:
        rows = report.rows(one.model, one.version, one.variant)
        yield from _watched(one)
        if never_right(one, rows):
            yield (
                "  NO PREDICTION WAS EVER RIGHT: are predictions and labels written alike? `yes` and 1 are two classes, "
                "and `--map` may have taken the wrong column"
            )
        yield from _table(rows)
        yield ""
    if report.silent_at_end:
        models = ", ".join(sorted(report.silent_at_end))
        yield f"the predictions of {models} end before the file does; whether that would have been a silence it cannot say"
    yield from _alerts(report, watched)


def watched_anything(watched: Sequence[Watched]) -> bool:
    """Whether any subject was watched."""
    return any(one.since_ms is not None or one.labels_since is not None for one in watched)


def _input(history: History, seconds: float) -> Iterator[str]:
    predictions, labels = history.records["predictions"], history.records["feedback"]
    span = ""
    if history.first_ms is not None and history.last_ms is not None:
        span = f" from {to_rfc3339(history.first_ms)[:19]} to {to_rfc3339(history.last_ms)[:19]} UTC"
    rate = (predictions + labels) / max(seconds, 1e-9)
    yield f"{predictions:,} predictions and {labels:,} labels{span}, in {seconds:.1f} s ({rate:,.0f} events/s)"
    if history.out_of_order:
        yield (
            f"{history.out_of_order:,} entries are older than the one before them (by up to "
            f"{_length(history.largest_step_back_ms / 1000)}); the order of the file was kept"
        )
    if history.skipped:
        total = sum(history.skipped.values())
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in history.skipped.most_common())
        yield f"{total:,} entries were left out: {reasons}; for example"
        for example in history.examples:
            yield f"  {example.place}: {example.reason}: {example.detail}"


def never_right(one: Watched, rows: Sequence[Row]) -> bool:
    """Whether all of many labels contradict their predictions: a model that answered by lot would do better."""
    right = [row.values[SHOWN_VALUES["accuracy"]] for row in rows if SHOWN_VALUES["accuracy"] in row.values]
    return one.labels >= one.labels_needed > 0 and bool(right) and not any(right)


def _watched(one: Watched) -> Iterator[str]:
    yield f"{one.model} {one.version} {one.variant}: {one.predictions:,} predictions, {one.labels:,} with a label"
    if one.since_ms is None:
        yield (
            f"  NOT WATCHED: too few predictions to learn what is normal ({one.predictions:,} of {one.needed:,} needed; "
            "see --reference)"
        )
    else:
        since = to_rfc3339(one.since_ms)[:19].replace("T", " ")
        yield f"  data and drift watched from {since} on, against the first {one.needed:,} predictions"
    if one.labels == 0:
        yield "  accuracy NOT WATCHED: no label met a prediction"
    elif one.labels_since is None:
        yield (
            f"  accuracy NOT WATCHED: too few labels to learn what is normal ({one.labels:,}, and {one.labels_needed:,} are "
            "needed with more to follow)"
        )
    else:
        since = one.labels_since[:19].replace("T", " ")
        yield f"  accuracy watched from about {since} on, against the first {one.labels_needed:,} labels"
    for why, features in one.unwatched.items():
        yield f"  {not_watched_line(why, features)}"
    for caveat in one.reference_caveats:
        yield f"  {not_typical_line(caveat)}"


def _table(rows: list[Row]) -> Iterator[str]:
    if not rows:
        return
    shown = {head: name for head, name in SHOWN_VALUES.items() if any(name in row.values for row in rows)}
    head = ("from", "predictions", "labels", *shown, "moved most")
    cells = [head]
    for row in rows:
        values = (f"{row.values[name]:.4g}" if name in row.values else "" for name in shown.values())
        cells.append(
            (row.start[:16].replace("T", " "), f"{row.predictions:,}", f"{row.labels:,}", *values, _drift(row))
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    last = len(head) - 1
    for line in cells:
        padded = (
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield f"    {'  '.join(padded)}".rstrip()


def _drift(row: Row) -> str:
    if row.moved is None:
        return ""
    if row.psi is None:
        return row.moved
    return f"{row.moved} {strength(row.psi)}"


def _alerts(report: Report, watched: Sequence[Watched]) -> Iterator[str]:
    episodes = report.episodes
    if not episodes:
        if watched_anything(watched):
            yield "no alert would have been raised by what was watched"
        else:
            yield "nothing was watched, so this file cannot say whether anything would have paged"
        return
    still = sum(episode.ended is None for episode in episodes)
    tail = f", {still:,} of them still on at the end" if still else ""
    yield f"{_count(len(episodes), 'alert')} would have been raised{tail}:"
    for episode in episodes:
        yield f"  {episode_line(episode)}"
    messages = report.messages
    if messages is None:
        return
    yield f"grouped by the routes of the configuration that is {_count(messages.total, 'message')}:"
    for receiver in sorted({*messages.opened, *messages.updated, *messages.closed}):
        yield (
            f"  to {receiver}: {messages.opened[receiver]:,} that open an incident, {messages.updated[receiver]:,} that "
            f"tell more of one, {messages.closed[receiver]:,} that close it"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _length(seconds: float) -> str:
    """A length of time as people say it."""
    for size, unit in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= 2 * size or seconds == size:
            return _count(round(seconds / size), unit)
    return f"{seconds:,.3g} s"
