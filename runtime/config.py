"""The configuration: one typed model of the one YAML file. ``runtime.loader`` reads it, with errors that name the line.

Durations are seconds in memory and Prometheus-style text ("30s", "5m", "1h30m", "7d") in the file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from runtime.router import Router
from runtime.section import Duration, Positive, Secret, Section

Severity = Literal["critical", "warning", "info"]


class Topics(Section, frozen=True):
    """Names and shapes of the topics. Inputs are only created by ``driftbell topics create``, never by a worker."""

    predictions: str = "predictions"
    feedback: str = "feedback"
    alerts: str = "alerts"
    alerts_active: str = "alerts-active"
    metrics: str = "metrics"
    dead_letter_suffix: str = ".DLQ"
    partitions: Positive = 12
    replication_factor: Positive = 1


class Redis(Section, frozen=True):
    """Where checkpoints and the router's outbox live. ``url``: redis://, rediss://, unix://, or memory:// (lost at exit)."""

    url: str = "redis://localhost:6379/0"
    username: str | None = None
    password: Secret | None = None
    password_file: str | None = None
    cluster: bool = False
    sentinels: list[str] = []
    sentinel_service: str | None = None
    tls_ca_file: str | None = None
    #: The client's certificate and key, where the server asks for one.
    tls_certificate_file: str | None = None
    tls_key_file: str | None = None
    #: Longest wait for an answer.
    timeout: Duration = 5.0


class Worker(Section, frozen=True):
    """The stream worker."""

    group: str = "driftbell"
    #: Static membership (KIP-345): a restart within the session timeout moves no partition.
    instance_id: str | None = None
    checkpoint_interval: Duration = 1.0
    #: How long Redis may be unreachable before the worker exits 1 (it stops reading at once).
    checkpoint_patience: Duration = 60.0
    session_timeout: Duration = 30.0
    shutdown_grace: Duration = 25.0
    #: Stream time between two looks at what depends on time (silence, hold times, closing windows).
    tick: Duration = 1.0
    #: Resolution at which the times of the two inputs of a partition are compared; within it predictions go first.
    merge_resolution: Duration = 0.05
    #: Events of one subject that make a batch, if no tick comes earlier.
    batch_events: Positive = 1024
    #: Records after which all batches of a partition are closed, so that a checkpoint can be taken.
    safe_point_records: Positive = 32768
    #: Longest wait for the other input of a partition when no broker says where it ends; beyond it order is not guaranteed.
    max_idle: Duration = 120.0
    #: How far the clocks of producers and brokers may disagree with ours before the merge order may differ in a replay.
    clock_margin: Duration = 0.02
    max_record_bytes: Positive = 1_048_576
    #: Stop after this many bad records in a row without one good record in the partition (0: never).
    max_consecutive_dead_letters: int = 10_000
    max_models_per_partition: Positive = 10_000
    max_subjects_per_model: Positive = 16
    #: A model unseen for so long is forgotten and its alerts are closed.
    forget_models_after: Duration = 30 * 86400.0
    #: An event's own time may lie this far from its record's time; beyond it is dead-lettered.
    max_future: Duration = 3600.0
    max_age: Duration = 30 * 86400.0
    http_host: str = "127.0.0.1"
    #: Port of /healthz, /readyz and /metrics; 0 picks a free one, null switches it off.
    http_port: int | None = 8081
    read_committed: bool = False
    #: What to do when Redis holds no checkpoint though Kafka says that the group has read: refuse to start, or rebuild the
    #: state from all that the topics still hold.
    on_lost_state: Literal["refuse", "rebuild"] = "refuse"


class Join(Section, frozen=True):
    """The label join."""

    #: How long a prediction waits for its label.
    horizon: Duration = 7 * 86400.0
    #: Time slots the horizon is divided into; expiry works by the slot.
    slots: Positive = 8
    #: Labels without a prediction that a partition keeps waiting; beyond it the oldest are counted unmatched.
    max_waiting_labels: Positive = 100_000
    #: Pending predictions of a partition kept in memory; older ones are looked up in Redis.
    cache_predictions: Positive = 200_000


class Reference(Section, frozen=True):
    """The reference learned from a model's first events."""

    events: Positive = 5000
    labels: Positive = 1000
    #: Most features watched per model (the first seen, then counted as ignored), and categories kept per feature.
    max_features: Positive = 500
    max_categories: Positive = 100
    bins: Positive = 32


class MonitorSettings(Section, frozen=True):
    """One monitor's settings; ``options`` are the monitor's own (see docs/monitors.md)."""

    enabled: bool = True
    severity: Severity | None = None
    #: The condition must hold this long before it fires (pending meanwhile).
    for_: Duration = msgspec.field(default=0.0, name="for")
    #: All must be well this long before the alert is resolved.
    keep_firing_for: Duration = 30.0
    options: dict[str, Any] = {}


class Monitoring(Section, frozen=True):
    """How one model is watched. The same keys under ``models.<name>`` override the defaults for that model."""

    #: The false-alarm budget: one false page of a model per so many events, all calibrated monitors together.
    events_per_false_alarm: Positive = 1_000_000
    reference: Reference = Reference()
    #: By monitor name; unnamed monitors keep their defaults.
    monitors: dict[str, MonitorSettings] = {}
    #: "auto" decides from the labels and predictions seen.
    task: Literal["auto", "classification", "regression"] = "auto"
    positive_class: str | None = None
    metrics_window: Duration = 60.0
    #: Shown on every alert of the model; Alertmanager's habit is a runbook link and a team label.
    runbook_url: str | None = None
    labels: dict[str, str] = {}


class Config(Section, frozen=True):
    """The whole file. Every key has a default, so an empty file is a valid configuration."""

    #: librdkafka's property names, passed through (``bootstrap.servers``, ``security.protocol``, ``sasl.mechanism``, ...).
    kafka: dict[str, str | int | float | bool] = msgspec.field(
        default_factory=lambda: {"bootstrap.servers": "localhost:9092"}
    )
    redis: Redis = Redis()
    topics: Topics = Topics()
    worker: Worker = Worker()
    join: Join = Join()
    monitoring: Monitoring = Monitoring()
    #: Overrides by model name: any keys of ``monitoring``.
    models: dict[str, dict[str, Any]] = {}
    #: The router: Alertmanager's configuration (``route``, ``receivers``, ...) and driftbell's own keys.
    router: Router = Router()

    def monitoring_for(self, model: str) -> Monitoring:
        """The settings of one model: the defaults with that model's overrides laid over them, key by key."""
        override = self.models.get(model)
        if not override:
            return self.monitoring
        base = msgspec.to_builtins(self.monitoring)
        return msgspec.convert(_overlay(base, override), Monitoring)


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _overlay(merged[key], value)
        else:
            merged[key] = value
    return merged
