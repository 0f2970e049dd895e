"""``driftbell events``: look at what goes over the topics."""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import sys
import time
from typing import TYPE_CHECKING

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.errors import UsageError
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.tail import Start

WHEN = "write end, beginning, an age such as 10m, or a moment such as 2026-11-24T14:00:00Z"

#: Records shown around a moment unless asked for more.
AROUND_LIMIT = 100

KINDS = ("alerts", "alerts-active", "metrics", "predictions", "feedback", "dead-letters")


def register(commands: Commands) -> None:
    """Add the command."""
    events = commands.group(
        "events", summary="follow alerts, metrics, predictions live", description="Look at what goes over the topics."
    )
    tail = events.add(
        "tail",
        tail_run,
        summary="print events as they come, or those around a moment",
        description="Prints the records of one or more topics as they come, one line each. It joins no consumer group and\n"
        "commits nothing, so it disturbs nobody.\n\n"
        "With --at it prints what came around a moment, in the order of time, and ends. Every page carries that\n"
        "command for the moment at which its change began.",
        example="driftbell events tail\n"
        "driftbell events tail --topic predictions --topic feedback --model fraud\n"
        "driftbell events tail --model fraud --at 2026-11-24T14:01:58Z\n"
        "driftbell events tail --topic metrics --since 1h --json | jq .value.values",
    )
    tail.add_argument(
        "--topic",
        action="append",
        choices=KINDS,
        help="what to show; may be repeated (default: alerts; with --at: alerts and predictions)",
    )
    tail.add_argument(
        "--since",
        metavar="WHEN",
        default="end",
        help="end (default), beginning, an age such as 10m, or a moment such as 2026-11-24T14:00:00Z",
    )
    tail.add_argument("--at", metavar="WHEN", help="what came around this moment (or age)")
    tail.add_argument(
        "--around", metavar="AGE", default="30s", help="with --at: how far to look to either side (default: 30s)"
    )
    tail.add_argument("--model", metavar="NAME", help="only this model")
    tail.add_argument(
        "--limit", type=int, metavar="N", help=f"stop after N records (default: none; with --at: {AROUND_LIMIT})"
    )
    tail.add_argument("--json", action="store_true", help="one JSON object per line, with position and headers")


def tail_run(options: argparse.Namespace) -> int:
    """Print until Ctrl-C, the limit, or the end of the time asked for."""
    from driftbell.tail import Start, as_json, as_line, follow, topic_kinds

    config = configured(options)
    at_ms = None if options.at is None else _moment("--at", options.at)
    if isinstance(at_ms, Start):
        raise UsageError(f"--at {options.at}: not a moment", WHEN)
    wanted = options.topic or (["alerts"] if at_ms is None else ["alerts", "predictions"])
    kinds = {name: kind for name, kind in topic_kinds(config.topics).items() if kind in wanted}
    write = as_json if options.json else as_line
    if at_ms is None:
        limit, start, until_ms = options.limit, _moment("--since", options.since), None
    else:
        margin_ms = _age_ms("--around", options.around)
        limit, start, until_ms = options.limit or AROUND_LIMIT, at_ms - margin_ms, at_ms + margin_ms
    with contextlib.closing(follow(config, kinds, start, until_ms=until_ms)) as messages:
        chosen = (message for message in messages if options.model is None or _mentions(message.value, options.model))
        if at_ms is None:
            for message in itertools.islice(chosen, limit):
                print(write(message), flush=True)
            return ExitCode.OK
        # The nearest to the moment, in the order of their time: topics and partitions are read side by side.
        nearest = heapq.nsmallest(limit, chosen, key=lambda message: abs(message.time_ms - at_ms))
    for message in sorted(nearest, key=lambda message: message.time_ms):
        print(write(message))
    if not nearest:
        whose = "" if options.model is None else f" of model {options.model}"
        print(f"nothing{whose} within {options.around} of {options.at}", file=sys.stderr)
    return ExitCode.OK


def _moment(option: str, text: str) -> Start | int:
    from driftbell.tail.moment import moment_of

    try:
        return moment_of(text, round(time.time() * 1000))
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", WHEN) from None


def _age_ms(option: str, text: str) -> int:
    from driftbell.runtime.config.duration import parse_duration

    try:
        return round(parse_duration(text) * 1000)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", "write an age such as 10m") from None


def _mentions(value: bytes | None, model: str) -> bool:
    """Whether the record is about this model. The key is not asked: alerts are keyed by fingerprint."""
    import msgspec

    from driftbell.schemas.bad_record import DECODE_ERRORS

    if value is None:
        return False
    try:
        event = msgspec.json.decode(value)
    except DECODE_ERRORS:
        return False
    if not isinstance(event, dict):
        return False
    labels = event.get("labels")
    return event.get("model") == model or (isinstance(labels, dict) and labels.get("model") == model)
