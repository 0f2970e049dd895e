"""Everything the router measures, in one place. All names begin with ``driftbell_router_``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from driftbell.alerting.heartbeat.vitals import Vital
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.incidents.observation import Observation
from driftbell.alerting.outbox.delivery_queue import Settled
from driftbell.alerting.outbox.outcome import OutcomeReason
from driftbell.alerting.posting.posting import PostResult
from driftbell.alerting.process.reloading.reload import ReloadReason
from driftbell.alerting.state.records import Kind

_FAILURES = [reason.value for reason in OutcomeReason if reason not in (OutcomeReason.SENT, OutcomeReason.SENT_MINIMAL)]

#: What becomes of a heartbeat that is sent.
_HEARTBEAT_OUTCOMES = (OutcomeReason.SENT, OutcomeReason.NO_ANSWER, OutcomeReason.CONNECTION_FAILED)

#: Seconds. A message that must wake someone should be out within its group_wait plus one second.
_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600)


class RouterMetrics:
    """The router's metrics in one registry; every label value that is known in advance is there from the start."""

    def __init__(self, registry: CollectorRegistry, integrations: Iterable[str] = ()) -> None:
        self.registry = registry
        #: Alert records read, by what became of them (``Observation``, or ``bad_record``).
        self.records = Counter("driftbell_router_records_total", "Alert records read.", ["result"], registry=registry)
        #: Flushes of groups, by decision and destination's integration (``DecisionReason``).
        self.decisions = Counter(
            "driftbell_router_decisions_total", "Decisions about groups.", ["integration", "reason"], registry=registry
        )
        #: Deliveries that a channel took, by what they did to its incident.
        self.notifications = Counter(
            "driftbell_router_notifications_total", "Notifications sent.", ["integration", "kind"], registry=registry
        )
        #: Deliveries sent as the minimal message, because the full one could not be rendered or was refused.
        self.minimal = Counter(
            "driftbell_router_notifications_minimal_total", "Minimal messages sent.", ["integration"], registry=registry
        )
        #: Attempts that failed, by reason (``alerting.outbox.outcome.OutcomeReason``); a delivery may fail many times.
        self.failed = Counter(
            "driftbell_router_notifications_failed_total",
            "Failed attempts.",
            ["integration", "reason"],
            registry=registry,
        )
        #: Attempts, failed or not.
        self.attempts = Counter(
            "driftbell_router_attempts_total", "Attempts to send.", ["integration"], registry=registry
        )
        #: Deliveries given up, by why (``Settled``). Anything but 0 means that somebody was not notified.
        self.dead_letters = Counter(
            "driftbell_router_dead_letters_total", "Deliveries given up.", ["integration", "reason"], registry=registry
        )
        #: How long one attempt took.
        self.attempt_seconds = Histogram(
            "driftbell_router_attempt_seconds",
            "Duration of an attempt.",
            ["integration"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
            registry=registry,
        )
        #: From an alert's start to the moment a channel took its first message; includes the route's group_wait.
        self.first_notify = Histogram(
            "driftbell_router_time_to_first_notify_seconds",
            "From startsAt to the first message.",
            ["integration"],
            buckets=_SECONDS,
            registry=registry,
        )
        #: Age of the oldest delivery that has to be made; the dead man's measure of the outbox.
        self.queue_age = Gauge(
            "driftbell_router_queue_age_seconds", "Age of the oldest delivery.", ["integration"], registry=registry
        )
        #: Deliveries that have to be made.
        self.queue = Gauge("driftbell_router_queue_rows", "Deliveries waiting.", ["integration"], registry=registry)
        #: Incidents open on channels.
        self.incidents = Gauge(
            "driftbell_router_incidents_open", "Incidents open on channels.", ["integration"], registry=registry
        )
        #: Alerts that fire now, as the router knows it.
        self.firing = Gauge("driftbell_router_alerts_firing", "Alerts firing.", registry=registry)
        #: Groups that hold alerts.
        self.groups = Gauge("driftbell_router_groups", "Groups.", registry=registry)
        #: 1 while this router owns the state, 0 while it stands by.
        self.leader = Gauge("driftbell_router_leader", "Whether this router is the leader.", registry=registry)
        #: Records between what was read and the end of the alerts topic.
        self.lag = Gauge("driftbell_router_lag_records", "Records not read yet.", ["partition"], registry=registry)
        #: Writes to the store that did not succeed, by what was wrong.
        self.store_failures = Counter(
            "driftbell_router_store_failures_total", "Failed writes to the store.", ["reason"], registry=registry
        )
        #: Duration of a write to the store.
        self.save_seconds = Histogram(
            "driftbell_router_save_seconds", "Duration of a write to the store.", registry=registry
        )
        #: Records that were gone from the alerts topic before they were read.
        self.lost = Counter("driftbell_router_input_lost_total", "Records lost before reading.", registry=registry)
        #: Records of the stored state that could not be read: what they knew of alerts and incidents is forgotten.
        self.left_out = Counter(
            "driftbell_router_state_left_out_total", "Damaged records of the state left out.", registry=registry
        )
        #: Alerts that others posted, by what became of them (``PostResult``).
        self.posted = Counter(
            "driftbell_router_alerts_posted_total", "Alerts posted to the API.", ["result"], registry=registry
        )
        #: Requests to the API that were answered, by the class of the status: ``2xx``.
        self.requests = Counter(
            "driftbell_router_api_requests_total", "Requests to the API.", ["status"], registry=registry
        )
        #: Readings of the configuration while the router runs, by what came of them (``ReloadReason``).
        self.reloads = Counter(
            "driftbell_router_config_reloads_total", "Readings of the configuration.", ["result"], registry=registry
        )
        #: 1 unless the last reading of the configuration failed; then the one of before is in force.
        self.reload_ok = Gauge(
            "driftbell_router_config_last_reload_successful", "Whether the last reload succeeded.", registry=registry
        )
        #: When the configuration in force was read.
        self.reload_time = Gauge(
            "driftbell_router_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read.",
            registry=registry,
        )
        #: Destinations that are gone from the configuration, and of which something is open or waits.
        self.retired = Gauge("driftbell_router_destinations_retired", "Retired destinations.", registry=registry)
        #: Destinations that fail again and again: one message at a time is tried.
        self.dead = Gauge(
            "driftbell_router_destinations_dead", "Dead destinations.", ["integration"], registry=registry
        )
        #: Beats of the heartbeat, by why they were sent or stayed away (``Vital``, ``OutcomeReason``).
        self.heartbeats = Counter("driftbell_router_heartbeats_total", "Heartbeats.", ["result"], registry=registry)
        for result in [*Observation, "bad_record"]:
            self.records.labels(str(result))
        for reason in ("unavailable", "fenced", "lost_writes"):
            self.store_failures.labels(reason)
        for posted in PostResult:
            self.posted.labels(posted.value)
        for beat in (*(one for one in Vital if one is not Vital.WELL), *_HEARTBEAT_OUTCOMES):
            self.heartbeats.labels(beat.value)
        for code in ("2xx", "4xx", "5xx"):
            self.requests.labels(code)
        for reload_reason in ReloadReason:
            self.reloads.labels(reload_reason.value)
        self.note_reload(None, time.time())
        self.show_zeros(integrations)

    def note_reload(self, reason: ReloadReason | None, now_seconds: float) -> None:
        """What came of reading the configuration; None for the start."""
        if reason is not None:
            self.reloads.labels(reason.value).inc()
        ok = reason in (None, ReloadReason.RELOADED)
        self.reload_ok.set(ok)
        if ok:
            self.reload_time.set(now_seconds)

    def count_heartbeat(self, result: str) -> None:
        """One beat, to one that hears it, or to none."""
        self.heartbeats.labels(result).inc()

    def count_posted(self, results: Mapping[PostResult, int] | Mapping[str, int]) -> None:
        """Alerts were posted, and this is what became of them."""
        for result, count in results.items():
            self.posted.labels(result).inc(count)

    def count_request(self, status: int) -> None:
        """One request to the API was answered."""
        self.requests.labels(f"{status // 100}xx").inc()

    def show_zeros(self, integrations: Iterable[str]) -> None:
        """Have the series of these kinds of channels, though nothing has come of them yet."""
        for integration in integrations:
            for decision in DecisionReason:
                self.decisions.labels(integration, decision.value)
            for kind in Kind:
                self.notifications.labels(integration, kind.value)
            for failure in _FAILURES:
                self.failed.labels(integration, failure)
            for settled in Settled:
                if settled.is_dead or settled is Settled.CLOSE_KEPT:
                    self.dead_letters.labels(integration, settled.value)
            self.minimal.labels(integration)
            self.attempts.labels(integration)
            self.first_notify.labels(integration)
            for gauge in (self.queue_age, self.queue, self.incidents, self.dead):
                gauge.labels(integration).set(0)
