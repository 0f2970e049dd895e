"""``driftbell ack``, ``snooze`` and ``unack``: take an incident on, for everybody and on every channel, and give it back."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode
from driftbell.router_commands import done, length_ms, refused, who

if TYPE_CHECKING:
    from driftbell.alerting.state.silence import Action, Answer

_TARGETS = "a fingerprint of an alert, the id of an incident, or its key at PagerDuty"


def register(commands: Commands) -> None:
    """Add the commands."""
    ack = commands.add(
        "ack",
        acknowledge,
        summary="take incidents on, so that nobody else is called",
        description="Takes alerts on, until they are over. Every channel that shows them is told once who has them and\n"
        "calls nobody for them: no repeats, no failover. A new alert of the incident calls people again. What was opened\n"
        "is closed when its alerts are over. An incident stands for its alerts that a channel was told of.",
        example="driftbell ack 1f2e3d4c5b6a7988\ndriftbell ack 1f2e3d4c5b6a7988 --by ann --comment 'rolling back'",
    )
    _common(ack)
    ack.add_argument("--comment", default="", help="shown on every channel")
    snooze = commands.add(
        "snooze",
        snooze_incidents,
        summary="take incidents on for a while",
        description="As `driftbell ack`, but for a time: what still fires when it ends calls people again.",
        example="driftbell snooze 1f2e3d4c5b6a7988 --for 2h --comment 'after the deployment'",
    )
    _common(snooze)
    snooze.add_argument("--for", dest="length", default="1h", metavar="DURATION", help="how long (default: 1h)")
    snooze.add_argument("--comment", default="", help="shown on every channel")
    unack = commands.add(
        "unack",
        give_back,
        summary="give incidents back, so that people are called again",
        description="Takes an acknowledgement or a snooze back. What still fires calls people again.",
        example="driftbell unack 1f2e3d4c5b6a7988",
    )
    _common(unack)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="+", metavar="INCIDENT", help=_TARGETS)
    parser.add_argument("--by", metavar="NAME", help="who (default: the user of this process)")
    takes_json(parser, "one JSON object per incident: the result and the fingerprints of its alerts")


def acknowledge(options: argparse.Namespace) -> int:
    """Hand one command in for each incident."""
    from driftbell.alerting.state.silence import Acknowledge

    by = _by(options)
    return _do(options, [Acknowledge(target=one, by=by, comment=options.comment) for one in options.targets])


def snooze_incidents(options: argparse.Namespace) -> int:
    """Hand one command in for each incident."""
    import time

    from driftbell.alerting.state.silence import Acknowledge

    by = _by(options)
    until_ms = round(time.time() * 1000) + length_ms(options.length, "--for")
    actions = [Acknowledge(target=one, by=by, comment=options.comment, until_ms=until_ms) for one in options.targets]
    return _do(options, actions)


def give_back(options: argparse.Namespace) -> int:
    """Hand one command in for each incident."""
    from driftbell.alerting.state.silence import Unacknowledge

    by = _by(options)
    return _do(options, [Unacknowledge(target=one, by=by) for one in options.targets])


def _do(options: argparse.Namespace, actions: Sequence[Action]) -> int:
    answers = done(configured(options), actions)
    for target, answer in zip(options.targets, answers, strict=True):
        _show(target, answer, options)
    return ExitCode.FAILED if any(answer.error for answer in answers) else ExitCode.OK


def _show(target: str, answer: Answer, options: argparse.Namespace) -> None:
    from driftbell.runtime.printable import printable, printable_lines

    if options.json:
        shown = {"incident": target, "result": answer.reason, "alerts": list(answer.alerts), "error": answer.error}
        print(json.dumps({key: value for key, value in shown.items() if value}))
    elif answer.error:
        print(printable_lines(refused(target, answer)), file=sys.stderr)
    else:
        alerts = " ".join(answer.alerts)
        print(printable(f"{answer.reason.replace('_', ' ')}: {alerts}" if alerts else answer.reason.replace("_", " ")))


def _by(options: argparse.Namespace) -> str:
    return who() if options.by is None else str(options.by)
