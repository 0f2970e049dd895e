"""One Kafka process: broker and controller in one, as KRaft allows for small clusters."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.services.kafka.jars import java, kafka_jars
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess

#: 22 characters of base64: KRaft's form of a UUID. One for all, since every cluster has its own ports and folders.
CLUSTER_ID = "ZHJpZnRiZWxsLXRlc3RzMQ"

_JVM = [
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # The tests' brokers live for seconds; C2 would spend the machine's two cores on compiling.
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
]


class KafkaNode(ServiceProcess):
    """A broker on a port of its own. Its data survives ``restart`` and ``kill``.

    Args:
        folder: where data, configuration and log live.
        node_id: from 1.
        properties: further server properties; one given here wins. ``listeners``-related ones are merged by
            ``extra_listeners``.
        extra_listeners: name of a further listener -> its security protocol, each on a port of ``listener_ports``.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        *,
        node_id: int = 1,
        properties: Mapping[str, str] | None = None,
        extra_listeners: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self.node_id = node_id
        self.port = claim_port()
        self.controller_port = claim_port()
        self.listener_ports = {name: claim_port() for name in extra_listeners or {}}
        self.voters = f"{node_id}@127.0.0.1:{self.controller_port}"
        self.replication = 1
        self._extra_listeners = dict(extra_listeners or {})
        self._properties = dict(properties or {})
        self._admin: AdminClient | None = None

    @property
    def bootstrap(self) -> str:
        """host:port of the plain listener."""
        return f"127.0.0.1:{self.port}"

    def bootstrap_of(self, listener: str) -> str:
        """host:port of a further listener (localhost, since certificates are issued for a name)."""
        return f"localhost:{self.listener_ports[listener]}"

    def properties(self) -> dict[str, str]:
        """The content of ``server.properties``."""
        plain = f"PLAINTEXT://127.0.0.1:{self.port}"
        further = [f"{name}://localhost:{port}" for name, port in self.listener_ports.items()]
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | self._extra_listeners
        replication = str(self.replication)
        minimum = str(max(1, self.replication - 1))
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node_id),
            "controller.quorum.voters": self.voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join([plain, *further, f"CONTROLLER://127.0.0.1:{self.controller_port}"]),
            "advertised.listeners": ",".join([plain, *further]),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replication,
            "min.insync.replicas": minimum,
            "offsets.topic.replication.factor": replication,
            "transaction.state.log.replication.factor": replication,
            "transaction.state.log.min.isr": minimum,
            # 50 partitions each by default: most of the time a small test cluster needs to start or to fail over.
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            # Tests of lost workers use sessions of a few seconds; the default minimum is 6 s.
            "group.min.session.timeout.ms": "1000",
            # The cleaner's buffer is 128 MB by default, a quarter of the heap above.
            "log.cleaner.dedupe.buffer.size": "10485760",
            "log.cleaner.backoff.ms": "1000",
            "log.retention.check.interval.ms": "5000",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "3000",
            "num.network.threads": "2",
            "num.io.threads": "4",
        } | self._properties

    def command(self) -> Sequence[str]:
        self._configure()
        return [java(), *_JVM, "-cp", f"{kafka_jars()}/*", "kafka.Kafka", str(self._file)]

    def answers(self) -> bool:
        # By default it would wait up to 10 s between two attempts, and so find a new broker late.
        impatient = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}
        self._admin = self._admin or AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, **impatient})
        try:
            return self.node_id in self._admin.list_topics(timeout=1).brokers
        except KafkaException:
            return False

    def stop(self) -> None:
        super().stop()
        self._admin = None

    @property
    def _file(self) -> Path:
        return self.folder / "server.properties"

    def _configure(self) -> None:
        """Write the properties, and format the data folder the first time."""
        self._file.write_text("".join(f"{key}={value}\n" for key, value in self.properties().items()))
        if (self.folder / "data" / "meta.properties").exists():
            return
        tool = [java(), *_JVM, "-cp", f"{kafka_jars()}/*", "kafka.tools.StorageTool", "format"]
        result = subprocess.run(
            [*tool, "-t", CLUSTER_ID, "-c", str(self._file)], capture_output=True, text=True, timeout=60, check=False
        )
        if result.returncode:
            raise RuntimeError(f"kafka's storage could not be formatted\n{result.stdout}{result.stderr}")
