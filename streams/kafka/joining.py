"""Says why a worker that was just started does nothing yet: the consumer group may wait for one that died."""

from __future__ import annotations

import asyncio
import logging
import math

from driftbell.streams.engine.engine import Engine

log = logging.getLogger(__name__)

#: A group whose members all answer decides within so many seconds; after that the wait is explained.
EXPLAIN_SECONDS = 3.0

#: What goes on is logged again after so long.
REMIND_SECONDS = 60.0

_LOOK_SECONDS = 0.25


async def report_joining(engine: Engine) -> None:
    """Log what is waited for until the group has assigned something."""
    worker = engine.config.worker
    clock = asyncio.get_running_loop().time
    started, explain_at = clock(), clock() + EXPLAIN_SECONDS
    log.info("joining the consumer group", extra={"group": worker.group})
    while not engine.joined:
        await asyncio.sleep(_LOOK_SECONDS)
        if clock() < explain_at:
            continue
        explain_at = clock() + REMIND_SECONDS
        waited_seconds = math.floor(clock() - started)
        late = waited_seconds > 2 * worker.session_timeout
        log.log(
            logging.WARNING if late else logging.INFO,
            "waiting for the consumer group%s: when a worker ended without leaving it (killed, or its machine died), Kafka "
            "gives its partitions away once its session is over, after worker.session_timeout",
            ", longer than it should take" if late else "",
            extra={
                "group": worker.group,
                "session_timeout_seconds": worker.session_timeout,
                "waited_seconds": waited_seconds,
            },
        )


__all__ = ["report_joining"]
