"""The configuration: one typed model of the one YAML file. ``runtime.config.loader`` reads it, with errors that name the line.

Durations are seconds in memory and Prometheus-style text ("30s", "5m", "1h30m", "7d") in the file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.section import (
    Duration,
    Natural,
    Partitions,
    Pieces,
    Positive,
    RecordBytes,
    Secret,
    Section,
)

Severity = Literal["critical", "warning", "info"]


class Topics(Section, frozen=True):
    """Names and shapes of the topics. Inputs are only created by ``driftbell topics create``, never by a worker."""

    #: Input: one event per prediction.
    predictions: str = "predictions"
    #: Input: one event per true label. As many partitions as ``predictions``.
    feedback: str = "feedback"
    #: Output: every transition of every alert, keyed by fingerprint.
    alerts: str = "alerts"
    #: Output, compacted: what fires now; a tombstone when it is over.
    alerts_active: str = "alerts-active"
    #: Output: windowed metrics of every model.
    metrics: str = "metrics"
    #: A record that cannot be used goes to the topic of its input's name with this behind it.
    dead_letter_suffix: str = ".DLQ"
    #: Partitions of the inputs: the most workers that can share the load. Cannot be changed later without losing state.
    partitions: Partitions = 12
    #: Copies of each partition: 3 on a real cluster.
    replication_factor: Positive = 1


class Redis(Section, frozen=True):
    """Where checkpoints and the router's outbox live. ``url``: redis://, rediss://, unix://, or memory:// (lost at exit)."""

    #: redis://host:port/db, rediss:// for TLS, unix:///path?db=0, or memory:// (lost at exit, for trying).
    url: str = "redis://localhost:6379/0"
    #: ACL user; absent: the default user.
    username: str | None = None
    #: Better by ``password_file`` or the environment.
    password: Secret | None = None
    #: A file that holds the password; read at every start.
    password_file: str | None = None
    #: Whether the address is of a node of a Redis Cluster.
    cluster: bool = False
    #: Addresses (host:port) of the sentinels that know the primary; ``url`` then gives TLS and database only.
    sentinels: list[str] = []
    #: The name by which the sentinels know the primary.
    sentinel_service: str | None = None
    #: PEM file of the authorities to trust with rediss://; absent: the system's.
    tls_ca_file: str | None = None
    #: PEM file of the client's certificate, where the server asks for one.
    tls_certificate_file: str | None = None
    #: PEM file of its key.
    tls_key_file: str | None = None
    #: Longest wait for an answer.
    timeout: Duration = 5.0


class Worker(Section, frozen=True):
    """The stream worker."""

    #: Consumer group; also the name under which state is kept.
    group: str = "driftbell"
    #: Static membership (KIP-345): a restart within the session timeout moves no partition.
    instance_id: str | None = None
    #: Time between two checkpoints: how much is read again after a crash. With thousands of models it is up to 10s.
    checkpoint_interval: Duration = 1.0
    #: How long Redis may be unreachable before the worker exits 1 (it stops reading at once).
    checkpoint_patience: Duration = 60.0
    #: How long Kafka waits for a worker's heartbeat before it gives its partitions away.
    session_timeout: Duration = 30.0
    #: Time to drain after SIGTERM; shorter than the orchestrator's patience (Kubernetes: 30s).
    shutdown_grace: Duration = 25.0
    #: Stream time between two looks at what depends on time (silence, hold times, closing windows).
    tick: Duration = 1.0
    #: Resolution at which the times of the two inputs of a partition are compared; within it predictions go first.
    merge_resolution: Duration = 0.05
    #: Events of one subject that make a batch, if no tick comes earlier.
    batch_events: Positive = 1024
    #: How long a quiet model's few events are gathered before they are looked at (0: until the next tick): stream time.
    gather: Duration = 10.0
    #: Records after which all batches of a partition are closed, so that a checkpoint can be taken.
    safe_point_records: Positive = 32768
    #: Longest wait for the other input of a partition when no broker says where it ends; beyond it order is not guaranteed.
    max_idle: Duration = 120.0
    #: How far the clocks of producers and brokers may disagree with ours before the merge order may differ in a replay.
    clock_margin: Duration = 0.02
    #: How far a record's Kafka timestamp may lie ahead of the clock when it is fetched; its partition waits until then. One
    #: further ahead is not believed, and the record takes the time of the one before it.
    max_clock_lead: Duration = 30.0
    #: Longer records are dead-lettered unread.
    max_record_bytes: RecordBytes = 1_048_576
    #: Set a partition aside after this many bad records in a row without one good record in it (0: never).
    max_consecutive_dead_letters: Natural = 10_000
    #: Further models are dead-lettered, so that a mistaken name cannot fill the memory; the alert TooManyModels says so.
    max_models_per_partition: Positive = 10_000
    #: Versions (each in each of its variants) of one model that are watched one by one; further ones are watched together
    #: as version "other".
    max_subjects_per_model: Positive = 16
    #: Variants of one model that are watched one by one, besides "live"; further ones are watched together as variant "other".
    max_variants_per_model: Positive = 8
    #: A version, or variant, unseen for so long gives its place to another one when there is no room.
    keep_versions: Duration = 3600.0
    #: A model unseen for so long is forgotten and its alerts are closed.
    forget_models_after: Duration = 30 * 86400.0
    #: An event whose own time lies further than this after its record's is dead-lettered.
    max_future: Duration = 3600.0
    #: An event whose own time lies further than this before its record's is dead-lettered.
    max_age: Duration = 30 * 86400.0
    #: Address of the ops endpoints; 0.0.0.0 in a container.
    http_host: str = "127.0.0.1"
    #: Port of /healthz, /readyz and /metrics; 0 picks a free one, null switches it off.
    http_port: int | None = 8081
    #: Whether records of aborted transactions are left out; costs the producers' transaction time in delay.
    read_committed: bool = False
    #: What to do when Redis holds no checkpoint though Kafka says that the group has read: refuse to start, or rebuild the
    #: state from all that the topics still hold.
    on_lost_state: Literal["refuse", "rebuild"] = "refuse"


class Join(Section, frozen=True):
    """The label join."""

    #: How long a prediction waits for its label.
    horizon: Duration = 7 * 86400.0
    #: Time slots the horizon is divided into; expiry works by the slot.
    slots: Pieces = 8
    #: Labels without a prediction that a partition keeps waiting; beyond it the oldest are given up (overflowed).
    max_waiting_labels: Positive = 100_000
    #: ... and the memory that they take, in bytes, about.
    max_waiting_bytes: Positive = 64_000_000
    #: Pending predictions of a partition kept in memory; older ones are looked up in Redis.
    cache_predictions: Positive = 20_000
    #: ... and their size in bytes.
    cache_bytes: Positive = 32_000_000
    #: Scores kept, the largest, of a prediction that takes more than 512 bytes while it waits for its label.
    max_scores: Positive = 32
    #: Tags kept, the first by name, of such a prediction or of a waiting label as large.
    max_tags: Positive = 16


class Reference(Section, frozen=True):
    """The reference learned from a model's first events."""

    #: Predictions that make the reference of a subject.
    events: Positive = 5000
    #: Labelled predictions that make the reference of its performance.
    labels: Positive = 1000
    #: Features watched per model: the first seen. The rest are not watched, which the alert TooManyFeatures says.
    max_features: Positive = 500
    #: A feature that first appears after the reference is learned: "list" names it as not watched, "relearn" learns the
    #: reference again once it was there for ``events`` predictions.
    new_features: Literal["list", "relearn"] = "list"
    #: Categories kept per feature; rarer ones are counted together.
    max_categories: Positive = 100
    #: Bins of a numeric feature's histogram.
    bins: Pieces = 32


class MonitorSettings(Section, frozen=True):
    """One monitor's settings; ``options`` are the monitor's own (see docs/monitors.md)."""

    #: Whether the monitor runs; absent: as the monitor itself says (docs/monitors.md).
    enabled: bool | None = None
    #: The alerts' severity; absent: the monitor's own.
    severity: Severity | None = None
    #: The condition must hold this long before it fires (pending meanwhile).
    for_: Duration = msgspec.field(default=0.0, name="for")
    #: All must be well this long before the alert is resolved.
    keep_firing_for: Duration = 30.0
    #: The monitor's own settings (docs/monitors.md).
    options: dict[str, Any] = {}


class Monitoring(Section, frozen=True):
    """How one model is watched. The same keys under ``models.<name>`` override the defaults for that model."""

    #: The false-alarm budget: one false page of a model per so many events, all calibrated monitors together.
    events_per_false_alarm: Positive = 1_000_000
    #: What is normal, learned from a model's first events.
    reference: Reference = Reference()
    #: By monitor name; unnamed monitors keep their defaults.
    monitors: dict[str, MonitorSettings] = {}
    #: "auto" decides from the labels and predictions seen.
    task: Literal["auto", "classification", "regression"] = "auto"
    #: The class that precision, recall and the score are about; absent: found from the data.
    positive_class: str | None = None
    #: Length of the windows on the ``metrics`` topic.
    metrics_window: Duration = 60.0
    #: Over how many keys the publishers spread the events of a model too big for one partition (``Client(shards=...)``).
    #: Each partition then watches its share, and its alerts carry a ``shard`` label.
    shards: Partitions = 1
    #: Link on every alert of the model.
    runbook_url: str | None = None
    #: Labels on every alert of the model, for routing: a team, a tier.
    labels: dict[str, str] = {}


class Config(Section, frozen=True):
    """The whole file. Every key has a default, so an empty file is a valid configuration."""

    #: librdkafka's property names, passed through (``bootstrap.servers``, ``security.protocol``, ``sasl.mechanism``, ...).
    kafka: dict[str, str | int | float | bool] = msgspec.field(
        default_factory=lambda: {"bootstrap.servers": "localhost:9092"}
    )
    #: Where state is kept.
    redis: Redis = Redis()
    #: Names and shapes of the topics.
    topics: Topics = Topics()
    #: The stream worker.
    worker: Worker = Worker()
    #: How predictions and labels meet.
    join: Join = Join()
    #: How models are watched.
    monitoring: Monitoring = Monitoring()
    #: Overrides by model name: any keys of ``monitoring``.
    models: dict[str, dict[str, Any]] = {}
    #: The router: Alertmanager's configuration (``route``, ``receivers``, ...) and driftbell's own keys.
    router: RouterConfig = RouterConfig()

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
