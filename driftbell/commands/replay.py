"""``driftbell replay``: what would have paged, from files of past events."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.history import History
    from driftbell.replay import Report
    from driftbell.replay.fitting import ReferenceChoice
    from driftbell.runtime.config.model import Config


def register(commands: Commands) -> None:
    """Add the command."""
    replay = commands.add(
        "replay",
        run,
        summary="run past events through the same core and see what would have paged",
        description="Reads predictions and feedback from files, merges them by time, and runs them through the same core as\n"
        "the worker, with the configuration given. No Kafka, no Redis, nothing is sent. Use it to see what driftbell\n"
        "would have said last month, and to try settings before you trust them.\n\n"
        "Files: JSON lines (.jsonl, .jsonl.gz, or - for standard input), the output of `kcat -J`, CSV and Parquet.\n"
        "--map says which columns hold what, where they have other names than the fields of an event.\n"
        "Predictions and feedback may share a file or come in several, in any order. docs/cli.md has the formats.\n\n"
        "What is normal is learned from the beginning of the file, or from a file of its own: see --reference.\n\n"
        "Exit code 0: the report says what was watched. 1: nothing could be read. 3: the file was too short to watch\n"
        "anything, so that the report says nothing about the models.",
        example="driftbell replay predictions.jsonl labels.jsonl\n"
        "driftbell replay loans.csv --map prediction=score,label=y,timestamp=ts,features=*\n"
        "driftbell replay --reference may.jsonl june.jsonl\n"
        "driftbell replay --json history.parquet > alerts.jsonl\n"
        "kcat -b localhost:9092 -C -J -e -t predictions > p.jsonl && driftbell replay p.jsonl",
    )
    replay.add_argument("files", nargs="+", metavar="FILE", help="a file of events; several are merged by time")
    replay.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN,...",
        help="where the fields of an event stand; `features=*` takes every column that is not used otherwise",
    )
    replay.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE,...",
        help="fields that are the same in every row, such as model=fraud,version=3",
    )
    replay.add_argument(
        "--json",
        action="store_true",
        help="every alert as a JSON line on standard output, the report on standard error",
    )
    replay.add_argument(
        "--reference",
        metavar="WHAT",
        help="what is normal: a share of each model's events (20%%), a number of them, `worker` (as a worker would), or a "
        "file that ends before the others begin (default: as a worker, where that leaves enough of the file, else 20%%)",
    )
    replay.add_argument("--exact", action="store_true", help="look as often as a worker, however sparse the file is")
    replay.add_argument("--quiet", action="store_true", help="no progress")


def run(options: argparse.Namespace) -> int:
    """Replay and report."""
    config = configured(options)
    from driftbell.replay.copies import Copies
    from driftbell.replay.fitting import Basis, ReferenceChoice

    choice = _choice(options.reference)
    with tempfile.TemporaryDirectory(prefix="driftbell-replay-") as folder:
        # Every file is read twice: for what it holds, and for the replay.
        copies = Copies(Path(folder))
        reference = copies.readable(options.reference) if choice is None else None
        choice = choice or ReferenceChoice(Basis.FILE)
        return _replay(options, config, [copies.readable(file) for file in options.files], choice, reference)


def _replay(
    options: argparse.Namespace,
    config: Config,
    files: list[str],
    choice: ReferenceChoice,
    reference: str | None,
) -> int:
    from driftbell.history import History, HistoryRecord
    from driftbell.history.mapping import ColumnMapping
    from driftbell.history.record import InputTopics
    from driftbell.progress import Progress
    from driftbell.replay import Looks, Report, lines, watched_anything
    from driftbell.replay.fitting import fitted
    from driftbell.replay.messages import Messages
    from driftbell.replay.survey import survey
    from driftbell.schemas import encode_alert
    from driftbell.streams.errors import TooManyDeadLettersError
    from driftbell.streams.replay import Replay

    mapping = ColumnMapping.parse(options.map, options.set)

    def history_of(paths: list[str]) -> History:
        return History.open(paths, InputTopics(config.topics.predictions, config.topics.feedback), mapping)

    found, before, learned_from = survey(history_of(files)), None, None
    if reference is not None:
        before, learned_from = history_of([reference]), survey(history_of([reference]))
        if learned_from.last_ms is None or found.first_ms is None or learned_from.last_ms >= found.first_ms:
            raise UsageError(
                f"--reference {options.reference} does not end before the other files begin",
                "take a file of an earlier time",
            )
    fit = fitted(config, found, choice, learned_from)
    if options.exact:
        fit = replace(fit, worker=replace(fit.worker, tick=config.worker.tick))
    history, progress = history_of(files), Progress("events")

    def counted() -> Iterator[HistoryRecord]:
        if before is not None:
            yield from before
        for record in history:
            if not options.quiet:
                progress.count(1, lambda: history.progress)
            yield record

    report = Report(Messages(config.router), begin_ms=found.first_ms or 0, end_ms=found.last_prediction_ms)
    core = Replay(fit)
    try:
        for step in core.run(counted()):
            for alert in report.take(step):
                if options.json:
                    sys.stdout.buffer.write(encode_alert(alert) + b"\n")
    except TooManyDeadLettersError as error:
        raise CommandError(str(error), "see the reasons with `driftbell replay` on a few lines of the file") from None
    finally:
        seconds = progress.seconds
        progress.close()
    report.finish(core.unfinished_windows())
    sys.stdout.flush()
    out = sys.stderr if options.json else sys.stdout
    watched = report.watched(core.partition, found)
    for line in lines(report, history, seconds, watched, Looks(fit.worker.tick, config.worker.tick)):
        print(line, file=out)
    _complain(history, report)
    return ExitCode.OK if watched_anything(watched) or report.episodes else ExitCode.FOUND


def _choice(text: str | None) -> ReferenceChoice | None:
    from driftbell.replay.fitting import reference_choice

    try:
        return reference_choice(text)
    except ValueError as error:
        raise UsageError(f"--reference {text}: {error}") from None


def _complain(history: History, report: Report) -> None:
    """Raise CommandError if what was read must not pass for an answer."""
    from driftbell.runtime.printable import printable

    for note in history.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    if (failure := history.failure()) is not None:
        raise failure
    read, dead = history.records.total(), report.dead_letters.total()
    if read == dead:
        raise CommandError(f"not one of the {read:,} events could be used", "the reasons are above")
