"""``driftbell demo``: see a real stream drift, and the page arrive, in under a minute."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.errors import CommandError

GREETING = "driftbell demo: a model, a change upstream, the pages, the fix. Ctrl-C ends it at any time."


def register(commands: Commands) -> None:
    """Add the command."""
    demo = commands.add(
        "demo",
        run,
        summary="see a model drift and the page arrive, in under a minute; needs nothing else",
        description="Starts an in-process Kafka, a Valkey, a worker and a router, and local stand-ins for Slack,\n"
        "PagerDuty and a mail server. A model answers requests; then somebody changes something upstream. You see\n"
        "the pages arrive, and close when it is fixed. It takes about 40 seconds and leaves nothing behind; Ctrl-C\n"
        "ends it at any time.\n\n"
        "Exit code 0: every page arrived on all three channels and was closed. 1: not so, and the message says\n"
        "what was missing.",
        example="driftbell demo\ndriftbell demo --seed 3 --keep-logs",
    )
    demo.add_argument("--seed", type=int, default=7, metavar="N", help="order of the data (default: 7)")
    demo.add_argument("--keep-logs", action="store_true", help="keep the worker's and the router's logs and say where")


def run(options: argparse.Namespace) -> int:
    """Tell the story."""
    from driftbell.demo.ending import Ending

    with Ending() as ending:
        # Before the imports, which take seconds on a cold disk.
        print(GREETING, flush=True)
        try:
            from driftbell.demo.run import demo
        except ModuleNotFoundError as error:
            raise CommandError(f"the demo needs {error.name}", "pip install 'driftbell[embedded]'") from None
        return demo(seed=options.seed, keep_logs=options.keep_logs, ending=ending)
