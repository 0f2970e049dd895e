"""The end of the demo: what came when, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from driftbell.demo.pages import Channel, Pages

NEXT = """\
Next, with your own models:
  1. pip install driftbell-client (in a clone: pip install ./client), and in your service:
         from driftbell_client import Client
         client = Client("localhost:9092")
         prediction_id = client.predict("fraud", "3", 0.93, features={"amount": 42.5})
         client.label("fraud", prediction_id, 1)          # when the truth is known
  2. docker compose up --build     Kafka, Redis, a worker, a router, and a mailbox to look at
     or, with a Kafka and a Redis of your own (examples/driftbell.yaml):
         driftbell topics create && driftbell worker & driftbell router
  3. driftbell replay past-events.jsonl     what would have paged last month
README.md and docs/ have the rest."""


def summary(pages: Pages, changed: float, fixed: float) -> Iterator[str]:
    """A table: per channel what was opened and closed, and how long it took from the change and from the fix."""
    rows = [("channel", "opened", "closed", "change to first page", "fix to last close")]
    for channel in Channel:
        mine = [page for page in pages if page.channel is channel]
        closed = [page.closed for page in mine if page.closed is not None]
        first = min((page.opened for page in mine), default=None)
        rows.append(
            (
                str(channel),
                str(len(mine)),
                str(len(closed)),
                "-" if first is None else f"{first - changed:.1f} s",
                "-" if not closed else f"{max(closed) - fixed:.1f} s",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
