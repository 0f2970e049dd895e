"""``driftbell status``: the fleet as it is now."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    status = commands.add(
        "status",
        run,
        summary="show workers, partitions, lag, checkpoint age, predictions that await a label, and what is not watched",
        description="Asks Kafka and Redis, not the workers, so it also tells about workers that are gone. Lag counts the\n"
        "records that are not yet in a checkpoint; predictions wait for a label until `join.horizon` is over.\n"
        "Of every version of a model it says what is not watched and why, and whether what was learned may not be typical.\n\n"
        "Exit code 0: every partition has a worker that saves. 3: not so, and the last lines say what is wrong.",
        example="driftbell status\ndriftbell status --model fraud\n"
        "driftbell status --json | jq '.partitions[] | select(.owner == \"\")'",
    )
    status.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME",
        help="look into this model (repeatable; default: the first 50)",
    )
    status.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Look once and print."""
    import asyncio

    import msgspec

    config = configured(options)
    from driftbell.status import gather, lines

    fleet = asyncio.run(gather(config, options.model))
    if options.json:
        print(msgspec.json.encode({**msgspec.structs.asdict(fleet), "problems": fleet.problems}).decode())
    else:
        for line in lines(fleet):
            print(line)
    return ExitCode.FOUND if fleet.problems else ExitCode.OK
