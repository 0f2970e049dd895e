"""Messages to the process log: the channel of an empty configuration, and the last resort of meta-alerts."""

from __future__ import annotations

import logging

from driftbell.alerting.channels.channel import Rate
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, sent
from driftbell.alerting.rendering.message import compose
from driftbell.alerting.rendering.text import one_line

log = logging.getLogger("driftbell.message")


class LogChannel:
    """Writes a message as one log line."""

    repeatable = True
    in_flight = 1
    rate: Rate | None = None

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``."""
        message = compose(delivery.notification, delivery.incident, delivery.kind)
        level = logging.INFO if delivery.notification.status == "resolved" else logging.WARNING
        text = " | ".join(one_line(line) for line in message.lines() if line)
        log.log(level, "%s: %s | %s", delivery.kind.upper(), one_line(message.subject), text)
        return sent()

    async def close(self) -> None:
        """Nothing to let go of."""
