"""``driftbell alerts``: what fires now."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.errors import CommandError
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.alerting.muting.muter import Muted
    from driftbell.schemas import Alert


def register(commands: Commands) -> None:
    """Add the command."""
    alerts = commands.add(
        "alerts",
        run,
        summary="show what fires now",
        description="Shows the alerts that fire now, gravest first: those that the workers keep in the topic\n"
        "`alerts-active`, and those that others have posted to the router. What is silenced, inhibited or acknowledged\n"
        "is shown too, with what does it or who has it. If the router's Redis does not answer, half of this is not\n"
        "known, and the exit code is 1. `driftbell events tail` follows what begins and ends. The fingerprint is what\n"
        "`driftbell ack`, `snooze` and `why` take.",
        example="driftbell alerts\ndriftbell alerts --model fraud --json | jq -r .labels.alertname",
    )
    alerts.add_argument("--model", metavar="NAME", help="only this model")
    alerts.add_argument(
        "--json",
        action="store_true",
        help="one JSON object per line, with silencedBy, inhibitedBy, acknowledgedBy",
    )


def run(options: argparse.Namespace) -> int:
    """Read the topic and the router's state once, and print."""
    import time

    from driftbell.held_back import held_back, posted, router_state, said
    from driftbell.runtime.config.address import hide_secrets
    from driftbell.runtime.printable import printable, printable_lines
    from driftbell.tail.firing import firing, gravest_first

    config = configured(options)
    now_ms = round(time.time() * 1000)
    found = firing(config)
    by: dict[str, Muted] = {}
    words: dict[str, str] = {}
    is_whole = True
    try:
        state = router_state(config)
        found = gravest_first([*found, *posted(state, now_ms)])
        by = held_back(config, state, found, now_ms)
        words = {
            name: said(one, state.entries[name].acknowledgement) for name, one in by.items() if name in state.entries
        }
    except CommandError as error:
        is_whole = False
        unknown = f"driftbell: what others have posted, and what is held back, is not known: {error}"
        print(printable_lines(hide_secrets(unknown)), file=sys.stderr)
    found = [alert for alert in found if options.model in (None, alert.labels.get("model"))]
    # Of one condition in several partitions (their keys are wrong) people see one alert.
    partitions = Counter(alert.fingerprint for alert in found)
    if not options.json:
        found = list({alert.fingerprint: alert for alert in reversed(found)}.values())[::-1]
    for alert in found:
        if options.json:
            print(_as_json(alert, by.get(alert.fingerprint)))
            continue
        subject = " ".join(alert.labels[name] for name in ("model", "version", "variant") if name in alert.labels)
        since = alert.startsAt[:19].replace("T", " ")
        if partitions[alert.fingerprint] > 1:
            subject += f"  (in {partitions[alert.fingerprint]} partitions)"
        print(printable(f"{alert.labels.get('severity', ''):<8}  since {since}  {subject}"))
        print(printable(f"          {alert.labels.get('alertname', '?')}: {alert.annotations.get('summary', '')}"))
        if alert.fingerprint in by:
            print(printable(f"          {words.get(alert.fingerprint, by[alert.fingerprint])}"))
        print(printable(f"          fingerprint {alert.fingerprint}"))
    if not found and is_whole and not options.json:
        print("nothing fires")
    return ExitCode.OK if is_whole else ExitCode.FAILED


def _as_json(alert: Alert, by: Muted | None) -> str:
    import msgspec

    from driftbell.alerting.muting.muter import MuteKind
    from driftbell.schemas import encode_alert

    keys = {
        "silencedBy": MuteKind.SILENCED,
        "inhibitedBy": MuteKind.INHIBITED,
        "acknowledgedBy": MuteKind.ACKNOWLEDGED,
    }
    shown = msgspec.json.decode(encode_alert(alert))
    for key, kind in keys.items():
        shown[key] = [] if by is None else list(by.ids(kind))
    return msgspec.json.encode(shown).decode()
