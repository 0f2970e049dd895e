"""``driftbell canary``: prove that an event becomes a page."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode
from driftbell.router_commands import at_store, length_ms

if TYPE_CHECKING:
    from driftbell.alerting.state.store import CommandBox
    from driftbell.canary import Hop

_LEFT_OPEN = "the resolve did not reach Kafka, so the alert may stay open: run the canary again, which closes it"


def register(commands: Commands) -> None:
    """Add the command."""
    canary = commands.add(
        "canary",
        run,
        summary="prove that an event becomes a page: publish a prediction and an alert, and follow them",
        description="Publishes a prediction and waits until a worker has it in a checkpoint; then publishes an alert\n"
        "(alertname DriftbellCanary, severity info) to the alerts topic, waits until every channel of its routes has taken\n"
        "the page, publishes its resolve, and waits until all is closed. It asks Kafka and Redis, not the processes, and\n"
        "prints each hop with its seconds. Give it a route of its own (docs/routing.md).\n\n"
        "The resolve is published on Ctrl-C and after a time-out as well; what a killed canary left is closed by the next.\n"
        "Exit code 0: everything arrived. 1: a hop was not reached; its lines say which, and what to look at.",
        example="driftbell canary\ndriftbell canary --timeout 2m --json | jq '.hops[] | select(.arrival != \"arrived\")'",
    )
    canary.add_argument(
        "--model",
        default="driftbell-canary",
        metavar="NAME",
        help="of the prediction, and a label of the alert (default: driftbell-canary)",
    )
    canary.add_argument("--timeout", default="60s", metavar="DURATION", help="longest wait for each hop (default: 60s)")
    takes_json(canary, "one JSON object, when all is over")


def run(options: argparse.Namespace) -> int:
    """Fly, and print the hops."""
    import asyncio

    import msgspec

    from driftbell.canary import Canary, line
    from driftbell.canary.records import prediction
    from driftbell.canary.wire import Wire
    from driftbell.runtime.printable import printable_lines
    from driftbell.schemas import BadRecord, decode_prediction, encode_prediction
    from driftbell.status import store_of
    from driftbell.streams.errors import StoreUnavailableError

    config = configured(options)
    seconds = length_ms(options.timeout, "--timeout") / 1000
    try:
        decode_prediction(encode_prediction(prediction(options.model, "canary")))
    except BadRecord as bad:
        raise UsageError(f"--model: {bad}") from bad

    def tell(hop: Hop) -> None:
        if not options.json:
            print(printable_lines(line(hop)), flush=True)

    flights: list[Canary] = []

    async def fly(box: CommandBox) -> None:
        checkpoints = store_of(config)
        canary = Canary(config, options.model, Wire(config), checkpoints, box, timeout_seconds=seconds, tell=tell)
        flights.append(canary)
        try:
            with _stopped_by_sigterm():
                await canary.fly()
        finally:
            await checkpoints.close()
            if canary.is_left_open:
                print(f"driftbell: {_LEFT_OPEN}", file=sys.stderr)

    try:
        at_store(config, fly)
    except StoreUnavailableError as error:
        raise CommandError(str(error), "is it running, and is redis.url right?") from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    [flown] = flights
    if options.json:
        shown = {"arrived": flown.arrived, "model": options.model, "fingerprint": flown.fingerprint, "hops": flown.hops}
        print(msgspec.json.encode(shown).decode())
    return ExitCode.OK if flown.arrived else ExitCode.FAILED


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM (Kubernetes, systemd, timeout) do what Ctrl-C does, as that publishes the resolve."""
    import asyncio

    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
