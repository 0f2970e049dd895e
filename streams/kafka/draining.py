"""Faust's worker with a hard end, and without what it prints."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import Any, cast

import faust

from driftbell.streams.kafka.transport import DriftbellApp

log = logging.getLogger(__name__)


class DriftbellWorker(faust.Worker):
    """Faust's worker with a hard end: a second signal, or a drain beyond ``worker.shutdown_grace``, exits 1."""

    _signalled = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # It prints escape codes (to show the cursor) also where standard output is a file or a collector of logs.
        self.spinner = None

    async def on_first_start(self) -> None:
        """Check Kafka and Redis before anything runs."""
        if (check := cast(DriftbellApp, self.app).check) is not None:
            cast(DriftbellApp, self.app).partitions_at_start = await asyncio.to_thread(check)
        await super().on_first_start()

    def _flag_as_shutdown_by_signal(self) -> None:
        if self._signalled:
            log.error("second signal: leaving at once; the checkpoints are complete up to the last save")
            os._exit(1)
        self._signalled = True
        super()._flag_as_shutdown_by_signal()
        grace = cast(DriftbellApp, self.app).driftbell.worker.shutdown_grace
        watchdog = threading.Timer(grace, self._give_up, args=(grace,))
        watchdog.daemon = True
        watchdog.start()

    @staticmethod
    def _give_up(grace: float) -> None:
        log.error("not drained within worker.shutdown_grace (%.0f s): leaving", grace)
        os._exit(1)
