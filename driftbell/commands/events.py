"""``driftbell events``: look at what goes over the topics."""

from __future__ import annotations

import argparse
import contextlib
import itertools

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.errors import UsageError
from driftbell.exit_codes import ExitCode

KINDS = ("alerts", "alerts-active", "metrics", "predictions", "feedback", "dead-letters")


def register(commands: Commands) -> None:
    """Add the command."""
    events = commands.group(
        "events", summary="follow alerts, metrics, predictions live", description="Look at what goes over the topics."
    )
    tail = events.add(
        "tail",
        tail_run,
        summary="print events as they come",
        description="Prints the records of one or more topics as they come, one line each. It joins no consumer group and\n"
        "commits nothing, so it disturbs nobody.",
        example="driftbell events tail\n"
        "driftbell events tail --topic predictions --topic feedback --model fraud\n"
        "driftbell events tail --topic metrics --since 1h --json | jq .value.values",
    )
    tail.add_argument(
        "--topic", action="append", choices=KINDS, help="what to follow; may be repeated (default: alerts)"
    )
    tail.add_argument("--since", metavar="WHEN", default="end", help="end (default), beginning, or an age such as 10m")
    tail.add_argument("--model", metavar="NAME", help="only this model")
    tail.add_argument("--limit", type=int, metavar="N", help="stop after N records")
    tail.add_argument("--json", action="store_true", help="one JSON object per line, with position and headers")


def tail_run(options: argparse.Namespace) -> int:
    """Print until Ctrl-C or the limit."""
    from driftbell.runtime.config.duration import parse_duration
    from driftbell.tail import Start, as_json, as_line, follow, topic_kinds

    config = configured(options)
    if options.since in (Start.END, Start.BEGINNING):
        start: Start | float = Start(options.since)
    else:
        try:
            start = parse_duration(options.since)
        except ValueError as error:
            raise UsageError(
                f"--since {options.since}: {error}", "write end, beginning, or an age such as 10m"
            ) from None
    wanted = options.topic or ["alerts"]
    kinds = {name: kind for name, kind in topic_kinds(config.topics).items() if kind in wanted}
    write = as_json if options.json else as_line
    with contextlib.closing(follow(config, kinds, start)) as messages:
        of_model = (message for message in messages if options.model is None or _mentions(message.value, options.model))
        for message in itertools.islice(of_model, options.limit):
            print(write(message), flush=True)
    return ExitCode.OK


def _mentions(value: bytes | None, model: str) -> bool:
    """Whether the record is about this model. The key is not asked: alerts are keyed by fingerprint."""
    import msgspec

    if value is None:
        return False
    try:
        event = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not isinstance(event, dict):
        return False
    labels = event.get("labels")
    return event.get("model") == model or (isinstance(labels, dict) and labels.get("model") == model)
