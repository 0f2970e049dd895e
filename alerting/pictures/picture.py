"""A picture for a delivery, if there is one in time: no page waits for it for long, and none fails because of it."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.pictures.chart import draw, plot_of
from driftbell.alerting.rendering.pictured import pictured
from driftbell.schemas import Alert

log = logging.getLogger(__name__)

#: Seconds that a page waits for its picture; one is drawn in hundredths of a second.
PATIENCE_SECONDS = 2.0
#: Pictures kept, for the other channels that tell the same.
_KEPT = 32

#: Quantities that are shares.
_SHARES = frozenset({"error_rate", "failure_rate", "inexact_rate"})
_UNITS = {"latency_p95_ms": "ms"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and what it shows for those who do not see it."""

    png: bytes
    alternative: str


class Pictures:
    """Draws in a thread of its own, one at a time."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._kept: OrderedDict[tuple[str, str], Picture] = OrderedDict()
        self._missing_told = False

    async def of(self, delivery: Delivery) -> Picture | None:
        """The picture of what a delivery tells; None where there is none, or none in time."""
        alert = pictured(delivery.notification.alerts)
        if alert is None:
            return None
        key = (alert.id, alert.updatedAt)
        if key in self._kept:
            return self._kept[key]
        try:
            async with asyncio.timeout(self._patience_seconds):
                made = await asyncio.get_running_loop().run_in_executor(_thread(), _drawn, alert)
        except ImportError:
            if not self._missing_told:
                self._missing_told = True
                log.info("messages have no pictures: Pillow is not installed (pip install 'driftbell[pictures]')")
            return None
        except TimeoutError:
            log.warning("no picture in time", extra={"incident": delivery.incident.id})
            return None
        except Exception:  # A picture is worth less than the page that it is for.
            log.exception("no picture", extra={"incident": delivery.incident.id})
            return None
        if made is not None:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


@functools.cache
def _thread() -> ThreadPoolExecutor:
    # One: drawings that take too long must not fill the process with threads.
    return ThreadPoolExecutor(1, "pictures")


def _drawn(alert: Alert) -> Picture | None:
    plot = plot_of(alert)
    if plot is None:
        return None
    metric = alert.evidence.metric
    unit = "%" if metric in _SHARES else _UNITS.get(metric, "")
    return Picture(draw(plot, unit), plot.title)


#: Of the process: the channels of all receivers tell the same.
PICTURES = Pictures()
