"""The publisher: hands encoded events to librdkafka, which delivers them from threads of its own.

Nothing here waits for the network except ``flush`` and ``close``. A daemon thread polls for failed deliveries and says,
every 30 seconds at most, what was lost.

A fork leaves the child without librdkafka's threads, so the child starts afresh on its first event. What waited at the
fork is the parent's to deliver.
"""

from __future__ import annotations

import atexit
import ctypes
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from driftbell_client.quiet import OncePerInterval
from driftbell_client.settings import Setting
from driftbell_client.stats import Counts, DropReason, Stats

Headers = list[tuple[str, str | bytes | None]]

log = logging.getLogger("driftbell_client")

#: Seconds between two reports of lost events.
REPORT_SECONDS = 30.0
#: Longest wait for news from librdkafka before the polling thread looks whether it should stop or report.
_POLL_SECONDS = 0.25
#: A producer that met a fatal error is replaced, but not more often than this: what was fatal may be so again.
_REPLACE_SECONDS = 30.0

# While the broker is away librdkafka says so several times a second.
_librdkafka_log = logging.getLogger("driftbell_client.librdkafka")
_librdkafka_log.addFilter(OncePerInterval(REPORT_SECONDS))


class Publisher:
    """One producer and its polling thread. Tests bring their own ``make_producer`` and ``clock`` (seconds)."""

    def __init__(
        self,
        settings: Mapping[str, Setting],
        flush_at_exit: float,
        make_producer: Callable[..., Producer] = Producer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = dict(settings)
        self._flush_at_exit = flush_at_exit
        self._make_producer = make_producer
        self._clock = clock
        self._closed = False
        self._start_afresh()
        # Not on the first event: a misspelt property should be seen when the service starts.
        self._open()
        _publishers.add(self)

    def _start_afresh(self) -> None:
        self._counts = Counts()
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._fatal = False
        self._replaced_at = float("-inf")
        self._reported = Stats()
        self._reported_at = float("-inf")

    def publish(self, topic: str, key: bytes, value: bytes, headers: Headers | None) -> DropReason | None:
        """Queue one event for delivery; if that cannot be, drop it and say why. Never blocks."""
        if self._closed:
            return self.drop(DropReason.CLOSED, "published after close")
        producer = self._producer or self._open()
        try:
            producer.produce(topic, value, key, headers=headers, on_delivery=self._on_failed_delivery)
        except BufferError:
            return self.drop(DropReason.QUEUE_FULL)
        except KafkaException as failure:
            return self._on_refusal(failure.args[0])
        self._counts.publish()
        return None

    def drop(self, reason: DropReason, detail: str | None = None) -> DropReason:
        """Count one event as lost."""
        self._counts.drop(reason, detail)
        if self._closed:
            self._report_if_due()
        return reason

    def flush(self, timeout: float) -> int:
        """Wait up to ``timeout`` seconds until all is delivered; the number of events that are not."""
        producer = self._producer
        return producer.flush(timeout) if producer is not None else 0

    def close(self, timeout: float | None = None) -> int:
        """Flush, give up what is left, stop. The number of events given up; closing twice does nothing."""
        if self._closed:
            return 0
        self._closed = True
        left = self.flush(self._flush_at_exit if timeout is None else timeout)
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._producer is not None:
            _give_up(self._producer)
        # The counts stay readable, the connections go.
        self._producer = None
        self._report()
        atexit.unregister(self.close)
        return left

    def stats(self) -> Stats:
        """The counts as they are."""
        producer = self._producer
        return self._counts.stats(len(producer) if producer is not None else 0)

    def _open(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = self._new_producer()
                self._thread = threading.Thread(target=self._run, name="driftbell-client", daemon=True)
                self._thread.start()
                self._close_at_exit()
            return self._producer

    def _new_producer(self) -> Producer:
        return self._make_producer({**self._settings, "error_cb": self._on_error}, logger=_librdkafka_log)

    def _close_at_exit(self) -> None:
        atexit.register(self.close)
        # A child of multiprocessing leaves by os._exit, which runs its finalizers only.
        multiprocessing = sys.modules.get("multiprocessing.util")
        if multiprocessing is not None:
            multiprocessing.Finalize(None, self.close, exitpriority=0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._poll()
            except Exception:
                # Without this thread the queue would fill with reports that nobody takes.
                log.exception("polling for failed deliveries failed")
                self._stop.wait(_POLL_SECONDS)

    def _poll(self) -> None:
        producer = self._producer
        if producer is not None:
            producer.poll(_POLL_SECONDS)
        if self._fatal and self._clock() - self._replaced_at >= _REPLACE_SECONDS:
            self._replace()
        self._report_if_due()

    def _replace(self) -> None:
        """Go on with a new producer: after a fatal error librdkafka refuses every event for ever."""
        self._replaced_at = self._clock()
        self._fatal = False
        broken, self._producer = self._producer, self._new_producer()
        if broken is not None:
            _give_up(broken)
        log.warning("the producer met a fatal error and was replaced: %s", self.stats().last_error)

    def _report_if_due(self) -> None:
        if self._clock() - self._reported_at >= REPORT_SECONDS:
            self._report()

    def _report(self) -> None:
        stats = self.stats()
        lost = {
            reason: count - self._reported.dropped.get(reason, 0)
            for reason, count in stats.dropped.items()
            if count > self._reported.dropped.get(reason, 0)
        }
        if lost:
            self._reported, self._reported_at = stats, self._clock()
            reasons = ", ".join(f"{reason} {count}" for reason, count in lost.items())
            log.warning(
                "%d events lost (%s); %d published, %d waiting; last error: %s",
                sum(lost.values()),
                reasons,
                stats.published,
                stats.waiting,
                stats.last_error,
            )

    def _on_refusal(self, error: KafkaError) -> DropReason:
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return self.drop(DropReason.TOO_LARGE, "larger than message.max.bytes")
        self._on_error(error)
        return self.drop(DropReason.REFUSED, error.str())

    def _on_failed_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            return
        if error.code() in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self._counts.drop(DropReason.NOT_FLUSHED)
        else:
            self._counts.drop(DropReason.DELIVERY_FAILED, error.str())

    def _on_error(self, error: KafkaError) -> None:
        self._counts.error(error.str())
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fatal = True

    def _after_fork_in_child(self) -> None:
        if self._producer is not None:
            # Never freed: freeing it would wait for threads that did not come along.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
        self._start_afresh()


def _give_up(producer: Producer) -> None:
    """Drop what ``producer`` still holds, and have the loss counted by the delivery callbacks."""
    producer.purge()
    producer.poll(0)


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for publisher in list(_publishers):
        publisher._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
