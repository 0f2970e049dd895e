"""Nothing of Faust's terminal decoration gets among the logs."""

from __future__ import annotations

import io

from driftbell.runtime.config.model import Config, Redis, Worker
from driftbell.streams.app import create_app
from driftbell.streams.kafka.draining import DriftbellWorker


async def test_a_worker_that_starts_and_stops_prints_no_escape_codes() -> None:
    out = io.StringIO()
    app = create_app(Config(redis=Redis(url="memory://"), worker=Worker(http_port=None)))
    worker = DriftbellWorker(
        app, quiet=True, loglevel="INFO", override_logging=False, redirect_stdouts=False, stdout=out
    )

    await worker.on_startup_finished()

    assert out.getvalue() == ""
