"""The worker process: start-up checks, the Faust app, and the exit code."""

from __future__ import annotations

import gc
import logging

from driftbell.runtime.config.model import Config
from driftbell.streams.app import create_app
from driftbell.streams.errors import RefusedError
from driftbell.streams.kafka import preflight as startup
from driftbell.streams.kafka.draining import DriftbellWorker

log = logging.getLogger(__name__)

#: Net allocations before the cyclic collector scans the young generation, and how many such scans come before it scans what
#: has survived. Nothing runs meanwhile: in a worker that learns 1,000 models a scan of 100,000 young objects took up to
#: 270 ms, and one of what had survived 2,000,000 more than 200.
GC_YOUNG_OBJECTS, GC_YOUNG_SCANS = 30_000, 30

#: Clean end; something refused or failed (the log says what).
EX_OK, EX_FAILED = 0, 1


def run(config: Config) -> int:
    """Run one worker until it is asked to stop; returns the exit code.

    SIGTERM and SIGINT drain (stop reading, save, publish, commit, leave the group) and end with 0. A second signal, a drain
    beyond ``worker.shutdown_grace`` or any failure ends with 1: what was saved stays exact, the rest is read again.
    """
    try:
        partitions = startup.check(config)
        app = create_app(config)
        app.partitions_at_start = partitions
    except (RefusedError, ValueError, OSError) as error:
        log.error("%s", error)
        return EX_FAILED
    # Thousands of young events per chunk set off the cyclic collector for nothing, as they hold no cycles: with Python's
    # thresholds it took a quarter of the time of the whole path.
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, GC_YOUNG_SCANS, 100)
    worker = DriftbellWorker(app, quiet=True, loglevel="INFO", override_logging=False, redirect_stdouts=False)
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        if end.code in {None, 0}:
            return EX_OK
        # Logged where it happened, too: but mode logs tracebacks after it, one for each partition, and people read the end.
        if isinstance(end.__context__, RefusedError):
            log.error("the worker has stopped: %s", end.__context__)
        return EX_FAILED
    except (RefusedError, KeyboardInterrupt):
        return EX_FAILED  # a refusal is logged where it happened
