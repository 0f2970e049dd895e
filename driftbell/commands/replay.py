"""``driftbell replay``: what would have paged, from files of past events."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.errors import CommandError
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    replay = commands.add(
        "replay",
        run,
        summary="run past events through the same core and see what would have paged",
        description="Reads predictions and feedback from files, merges them by time, and runs them through the same core as\n"
        "the worker, with the configuration given. No Kafka, no Redis, nothing is sent. Use it to see what driftbell\n"
        "would have told you last month, and to try settings before you trust them.\n\n"
        "Files: JSON lines (.jsonl, .jsonl.gz, or - for standard input), the output of `kcat -J`, CSV and Parquet.\n"
        "--map says which columns hold what, where they have other names than the fields of an event.\n"
        "Predictions and feedback may share a file or come in several, in any order. docs/cli.md has the formats.",
        example="driftbell replay predictions.jsonl labels.jsonl\n"
        "driftbell replay loans.csv --map prediction=score,label=y,timestamp=ts,features=*\n"
        "driftbell replay --json history.parquet > pages.jsonl\n"
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
    replay.add_argument("--quiet", action="store_true", help="no progress")


def run(options: argparse.Namespace) -> int:
    """Replay and report."""
    config = configured(options)
    from driftbell.history import History, HistoryRecord
    from driftbell.history.mapping import ColumnMapping
    from driftbell.history.record import InputTopics
    from driftbell.progress import Progress
    from driftbell.replay import Report, lines
    from driftbell.schemas import encode_alert
    from driftbell.streams.errors import TooManyDeadLettersError
    from driftbell.streams.replay import replay

    mapping = ColumnMapping.parse(options.map, options.set)
    history = History.open(options.files, InputTopics(config.topics.predictions, config.topics.feedback), mapping)
    progress = Progress("events")

    def counted() -> Iterator[HistoryRecord]:
        for record in history:
            if not options.quiet:
                progress.count(1, lambda: history.progress)
            yield record

    report = Report()
    try:
        for step in replay(counted(), config):
            for alert in report.take(step):
                if options.json:
                    sys.stdout.buffer.write(encode_alert(alert) + b"\n")
    except TooManyDeadLettersError as error:
        raise CommandError(str(error), "see the reasons with `driftbell replay` on a few lines of the file") from None
    finally:
        seconds = progress.seconds
        progress.close()
    sys.stdout.flush()
    for line in lines(report, history, seconds):
        print(line, file=sys.stderr if options.json else sys.stdout)
    for note in history.notes:
        print(f"note: {note}", file=sys.stderr)
    if (failure := history.failure()) is not None:
        raise failure
    read, dead = history.records.total(), report.dead_letters.total()
    if read == dead:
        raise CommandError(f"not one of the {read:,} events could be used", "the reasons are above")
    return ExitCode.OK
