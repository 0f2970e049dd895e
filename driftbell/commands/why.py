"""``driftbell why``: why an alert was sent where, or was not."""

from __future__ import annotations

import argparse

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode
from driftbell.router_commands import at_store


def register(commands: Commands) -> None:
    """Add the command."""
    why = commands.add(
        "why",
        run,
        summary="show why an alert was sent where, or was not",
        description="Shows what the router knows of an alert: its route and group, what holds it back now (a silence, a time\n"
        "interval, another alert, an acknowledgement), what each channel was told, what waits there, and every decision,\n"
        "attempt and answer, for five days after it is over. Read from Redis: no router is asked. `driftbell alerts`\n"
        "shows fingerprints with --json. Exit code 3: the router does not know it.",
        example="driftbell why 1f2e3d4c5b6a7988",
    )
    why.add_argument("target", metavar="ALERT", help="what `driftbell ack` takes: a fingerprint, the id of an incident")
    takes_json(why)


def run(options: argparse.Namespace) -> int:
    """Read the store and print."""
    import time

    import msgspec

    from driftbell.alerting.channels.registry import in_force
    from driftbell.alerting.incidents.configured import muters_of
    from driftbell.alerting.routing.routes import compile_tree
    from driftbell.alerting.state.state import State
    from driftbell.alerting.state.store import CommandBox, Table
    from driftbell.alerting.state.tables import load
    from driftbell.runtime.config.router import Route
    from driftbell.runtime.printable import printable
    from driftbell.why import explain, lines

    config = configured(options)

    async def saved(box: CommandBox) -> State:
        return load({table: await box.look(table) for table in Table})

    state = at_store(config, saved)
    tree = compile_tree(in_force(config.router).route or Route())
    explanation = explain(state, tree, muters_of(config.router), options.target, round(time.time() * 1000))
    if options.json:
        print(msgspec.json.encode(explanation).decode())
    elif explanation.is_known:
        for line in lines(explanation):
            print(printable(line))
    else:
        print(printable(f"the router does not know {options.target}: it never came, or was over five days ago"))
    return ExitCode.OK if explanation.is_known else ExitCode.FOUND
