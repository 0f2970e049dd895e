"""A replay's report as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.history import History
from driftbell.replay.report import Episode, Report
from driftbell.schemas import to_rfc3339
from driftbell.schemas.unknown_fields import describe

#: Metrics shown of a model where it has them, most telling first.
SHOWN_VALUES = (
    "accuracy_score",
    "f1_score",
    "mean_absolute_error",
    "r2_score",
    "failure_rate",
    "label_coverage",
    "latency_p95_ms",
)


def episode_line(episode: Episode) -> str:
    """One page in the list: when, how long, what."""
    if episode.minutes is None:
        lasted = "still open"
    else:
        lasted = f"{episode.minutes:,.0f} min" if episode.minutes >= 1 else f"{episode.minutes * 60:.0f} s"
    moment = episode.started[:19].replace("T", " ")
    return f"{moment}  {lasted:>10}  {episode.severity:<8}  {episode.alertname}: {episode.summary}"


def lines(report: Report, history: History, seconds: float) -> Iterator[str]:
    """The whole report."""
    yield from _input(history, seconds)
    if report.dead_letters:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.dead_letters.most_common())
        yield f"{sum(report.dead_letters.values()):,} events would have been dead-lettered: {reasons}"
    for source, names in report.unknown_fields.items():
        for name, count in names.most_common():
            yield f"in {count:,} events of {source.value} {describe(name, source.spec.fields)}"
    yield ""
    yield from _models(report)
    yield ""
    yield from _pages(report.episodes)


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
            f"{history.largest_step_back_ms / 1000:,.1f} s); the order of the file was kept"
        )
    if history.skipped:
        total = sum(history.skipped.values())
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in history.skipped.most_common())
        yield f"{total:,} entries were left out: {reasons}; for example"
        for example in history.examples:
            yield f"  {example.place}: {example.reason}: {example.detail}"


def _models(report: Report) -> Iterator[str]:
    for (model, version, variant), metric in report.models.items():
        values = ", ".join(f"{name} {metric.values[name]:.4g}" for name in SHOWN_VALUES if name in metric.values)
        yield f"{model} {version} {variant}, last complete window with labels: {values}"


def _pages(episodes: list[Episode]) -> Iterator[str]:
    if not episodes:
        yield "nothing would have paged"
        return
    still = sum(episode.ended is None for episode in episodes)
    yield f"{len(episodes):,} pages would have been sent{f', {still:,} still open at the end' if still else ''}:"
    for episode in episodes:
        yield f"  {episode_line(episode)}"
