"""``driftbell notify test``: send a page that says that it is a test, and close it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode
from driftbell.router_commands import who

if TYPE_CHECKING:
    from driftbell.alerting.channels.registry import Endpoint
    from driftbell.alerting.outbox.outcome import Outcome
    from driftbell.runtime.config.router import RouterConfig


@dataclass(frozen=True)
class _Tried:
    destination: str
    step: str
    outcome: Outcome


def register(commands: Commands) -> None:
    """Add the commands."""
    notify = commands.group(
        "notify", summary="try receivers out", description="Sends to the channels of a receiver without the router."
    )
    test = notify.add(
        "test",
        test_receiver,
        summary="send a test page to every channel of a receiver, and close it",
        description="Opens an incident on every channel of the receiver that says that it is a test, and closes it at once.\n"
        "It is sent from here: no router has to run, and none learns of it; the secrets must be readable here. With\n"
        "--leave-open it is not closed, which is for people who want to press the buttons; close it there.\n"
        "Exit code 1: a channel did not take it.",
        example="driftbell notify test oncall\ndriftbell notify test oncall --severity critical",
    )
    test.add_argument("receiver", metavar="RECEIVER", help="a name under router.receivers")
    test.add_argument(
        "--severity",
        choices=["critical", "error", "warning", "info"],
        default="warning",
        help="of the test (default: warning); critical calls people",
    )
    test.add_argument("--leave-open", action="store_true", help="do not close it")
    takes_json(test, "one JSON object per step: destination, step, result, detail")


def test_receiver(options: argparse.Namespace) -> int:
    """Send, and print what each channel answered."""
    import asyncio

    from driftbell.alerting.errors import RouterError
    from driftbell.runtime.printable import printable

    settings = _only(configured(options).router, options.receiver)
    try:
        tried = asyncio.run(_all(settings, options))
    except RouterError as error:
        raise CommandError(str(error)) from error
    for one in tried:
        if options.json:
            shown = {
                "destination": one.destination,
                "step": one.step,
                "result": one.outcome.reason.value,
                "detail": one.outcome.detail,
            }
            print(json.dumps(shown, ensure_ascii=False))
        else:
            more = f": {one.outcome.detail}" if one.outcome.detail else ""
            print(printable(f"{one.destination}  {one.step}  {one.outcome.reason.value.replace('_', ' ')}{more}"))
    if failed := [one for one in tried if not one.outcome.ok]:
        hint = "docs/operations.md, DriftbellPagesFailing, says what each result means and what to do"
        print(printable(f"{len(failed)} of {len(tried)} steps failed: {hint}"), file=sys.stderr)
    if not tried:
        print(printable(f"{options.receiver} has no channels: it notifies nobody"))
    return ExitCode.OK if all(one.outcome.ok for one in tried) else ExitCode.FAILED


def _only(router: RouterConfig, name: str) -> RouterConfig:
    """The configuration with one receiver: mistakes in the secrets of others are not in the way."""
    import msgspec

    from driftbell.alerting.channels.registry import LOG_ONLY
    from driftbell.runtime.config.nearest import nearest

    known = router.receivers or LOG_ONLY.receivers
    found = [receiver for receiver in known if receiver.name == name]
    if not found:
        names = [receiver.name for receiver in known]
        meant = nearest(name, names)
        raise UsageError(
            f"there is no receiver {name!r}", f"did you mean {meant}?" if meant else f"there are: {', '.join(names)}"
        )
    return msgspec.structs.replace(router, receivers=found)


async def _all(router: RouterConfig, options: argparse.Namespace) -> list[_Tried]:
    from driftbell.alerting.channels.http import new_session
    from driftbell.alerting.channels.registry import build

    tried: list[_Tried] = []
    async with new_session() as session:
        endpoints = build(router, session)
        try:
            for endpoint in endpoints:
                tried += await _one(endpoint, router.external_url, options)
        finally:
            for endpoint in endpoints:
                await endpoint.channel.close()
    return tried


async def _one(endpoint: Endpoint, external_url: str, options: argparse.Namespace) -> list[_Tried]:
    import time

    from driftbell.alerting.rendering.trial import trial
    from driftbell.alerting.state.records import Kind, Severity

    destination = endpoint.destination
    severity, by = Severity.of(options.severity), who()
    started_ms = round(time.time() * 1000)

    async def attempt(kind: Kind, handle: dict[str, str] | None) -> Outcome:
        delivery = trial(
            kind,
            receiver=destination.receiver,
            destination=destination.id,
            severity=severity,
            by=by,
            now_ms=round(time.time() * 1000),
            handle=handle,
            started_ms=started_ms,
            external_url=external_url,
        )
        return await endpoint.channel.send(delivery)

    opened = await attempt(Kind.TRIGGER, None)
    tried = [_Tried(destination.label, "open", opened)]
    if opened.ok and destination.send_resolved and not options.leave_open:
        tried.append(_Tried(destination.label, "close", await attempt(Kind.RESOLVE, opened.handle)))
    return tried
