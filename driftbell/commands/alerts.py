"""``driftbell alerts``: what fires now."""

from __future__ import annotations

import argparse
from collections import Counter

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    alerts = commands.add(
        "alerts",
        run,
        summary="show what fires now",
        description="Shows the alerts that fire now, gravest first, as the workers keep them in the topic `alerts-active`.\n"
        "What is muted for people is shown too. `driftbell events tail` follows what begins and ends.",
        example="driftbell alerts\ndriftbell alerts --model fraud --json | jq -r .labels.alertname",
    )
    alerts.add_argument("--model", metavar="NAME", help="only this model")
    alerts.add_argument("--json", action="store_true", help="one JSON object per line, as on the topic")


def run(options: argparse.Namespace) -> int:
    """Read the topic once and print."""
    from driftbell.runtime.printable import printable
    from driftbell.schemas import encode_alert
    from driftbell.tail.firing import firing

    config = configured(options)
    found = [alert for alert in firing(config) if options.model in (None, alert.labels.get("model"))]
    # Of one condition in several partitions (their keys are wrong) people see one alert.
    partitions = Counter(alert.fingerprint for alert in found)
    if not options.json:
        found = list({alert.fingerprint: alert for alert in reversed(found)}.values())[::-1]
    for alert in found:
        if options.json:
            print(encode_alert(alert).decode())
            continue
        subject = " ".join(alert.labels[name] for name in ("model", "version", "variant") if name in alert.labels)
        since = alert.startsAt[:19].replace("T", " ")
        if partitions[alert.fingerprint] > 1:
            subject += f"  (in {partitions[alert.fingerprint]} partitions)"
        print(printable(f"{alert.labels.get('severity', ''):<8}  since {since}  {subject}"))
        print(printable(f"          {alert.labels.get('alertname', '?')}: {alert.annotations.get('summary', '')}"))
    if not found and not options.json:
        print("nothing fires")
    return ExitCode.OK
