"""``driftbell dlq``: dead letters."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.dead_letters.letter import Letter


def register(commands: Commands) -> None:
    """Add the command."""
    dlq = commands.group(
        "dlq",
        summary="look at dead letters, and send them again",
        description="Records that could not be used are kept whole, with the reason, in the topics <input>.DLQ.",
    )
    listing = dlq.add(
        "list",
        list_letters,
        summary="count dead letters by topic and reason",
        description="Counts the dead letters by topic and reason, with the latest example of each. `driftbell events tail\n"
        "--topic dead-letters` follows them live.",
        example="driftbell dlq list\ndriftbell dlq list --new --reason missing_field",
    )
    listing.add_argument("--new", action="store_true", help="only those that came since the last `dlq replay`")
    replay = dlq.add(
        "replay",
        replay_letters,
        summary="publish dead letters again, once what was wrong is repaired",
        description="Publishes the dead letters that came since the last replay to the topics that they came from, with key,\n"
        "value and headers as they were. Useful when the fix is on driftbell's side: a longer `worker.max_age`, a\n"
        "larger `worker.max_record_bytes`, a version that reads more. Letters left out by --reason are not offered\n"
        "again. What is still wrong comes back as a new dead letter.",
        example="driftbell dlq replay --dry-run\ndriftbell dlq replay --reason timestamp_too_old",
    )
    replay.add_argument("--dry-run", action="store_true", help="show what would be sent, and change nothing")
    takes_json(listing, "one JSON object per topic and reason")
    takes_json(replay, "one JSON object: the number sent, or with --dry-run one per topic and reason")
    for parser in (listing, replay):
        parser.add_argument("--reason", action="append", default=[], help="only this reason; may be repeated")
        parser.add_argument("--input", action="append", default=[], help="only letters of this topic; may be repeated")


def list_letters(options: argparse.Namespace) -> int:
    """Count and print."""
    config = configured(options)
    from driftbell.dead_letters import DeadLetterTopics, From
    from driftbell.dead_letters.topics import chosen

    with contextlib.closing(DeadLetterTopics(config)) as topics:
        letters = topics.read(From.LAST_RESEND if options.new else From.BEGINNING)
        printed = _print(chosen(letters, options.reason, options.input), options)
    if not printed and not options.json:
        print("no dead letters")
    return ExitCode.OK


def replay_letters(options: argparse.Namespace) -> int:
    """Send again, or say what would be sent."""
    config = configured(options)
    from driftbell.dead_letters import DeadLetterTopics, From
    from driftbell.dead_letters.topics import chosen

    with contextlib.closing(DeadLetterTopics(config)) as topics:
        letters = chosen(topics.read(From.LAST_RESEND), options.reason, options.input)
        if options.dry_run:
            _print(letters, options)
        else:
            sent = topics.resend(letters)
            print(json.dumps({"published": sent}) if options.json else f"{sent:,} dead letters published again")
    return ExitCode.OK


def _print(letters: Iterable[Letter], options: argparse.Namespace) -> bool:
    """Print a summary; returns whether there was anything."""
    from driftbell.dead_letters.letter import kinds, summary

    lines = [json.dumps(asdict(kind)) for kind in kinds(letters)] if options.json else list(summary(letters))
    for line in lines:
        print(line)
    return bool(lines)
