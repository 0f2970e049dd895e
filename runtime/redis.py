"""Redis (or Valkey) as the configuration describes it: one client, and a check that says what is wrong with the server."""

from __future__ import annotations

import enum
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio
from redis import exceptions
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

from driftbell.runtime.config.model import Redis

Client = redis.asyncio.Redis | redis.asyncio.RedisCluster

MEMORY_SCHEME = "memory"

#: Hash fields with several values per HSET came with 4.0, ACL users with 6.0; 6.2 is the oldest anybody still patches.
OLDEST = (6, 2)

#: A cluster's topology is learned by failing on the old one, so these few retries are not for outages.
_CLUSTER_RETRIES = 3


class RedisReason(enum.StrEnum):
    """What a look at the server found. The value is the log field and the metric label."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    AUTH_FAILED = "auth_failed"
    NO_PERMISSION = "no_permission"
    LOADING = "loading"
    READ_ONLY = "read_only"
    TOO_OLD = "too_old"
    EVICTION_ENABLED = "eviction_enabled"
    CLUSTER_MISMATCH = "cluster_mismatch"
    NOT_DURABLE = "not_durable"


#: Found and worth saying, but no reason to refuse to start.
_HARMLESS = frozenset({RedisReason.OK, RedisReason.NOT_DURABLE})
#: Likely over soon, so worth waiting for.
_PASSING = frozenset({RedisReason.UNREACHABLE, RedisReason.LOADING})


@dataclass(frozen=True, slots=True)
class RedisFinding:
    """The reason, and a sentence with the fix (empty when all is well)."""

    reason: RedisReason
    fix: str = ""

    @property
    def fatal(self) -> bool:
        """Whether driftbell must not run on this server as it is."""
        return self.reason not in _HARMLESS

    @property
    def passing(self) -> bool:
        """Whether waiting may help."""
        return self.reason in _PASSING


def is_memory(settings: Redis) -> bool:
    """Whether state lives in this process alone (``memory://``) and is lost at its end."""
    return urllib.parse.urlsplit(settings.url).scheme == MEMORY_SCHEME


def connect(settings: Redis) -> Client:
    """A client; it connects on first use, so an absent server is not noticed here.

    Replies are bytes. Calls are not retried (on a cluster: only to follow a moved slot): who calls knows whether a repeat
    is safe. Every call ends within ``settings.timeout`` seconds.

    Raises:
        ValueError: the settings contradict themselves, or ``memory://`` (there is nothing to connect to).
        OSError: ``password_file`` cannot be read.
    """
    if is_memory(settings):
        raise ValueError("memory:// has no server to connect to")
    options = _options(settings)
    if settings.sentinels:
        return _by_sentinel(settings, options)
    if settings.cluster:
        retry = redis.asyncio.retry.Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), _CLUSTER_RETRIES)
        return redis.asyncio.RedisCluster.from_url(_url(settings), **options | {"retry": retry})
    return redis.asyncio.Redis.from_url(_url(settings), **options)


async def examine(client: Client) -> RedisFinding:
    """Look at the server and name the worst thing found. Never raises on what a server or network does."""
    try:
        worst = RedisFinding(RedisReason.OK)
        for information in await _information(client):
            finding = judge(information, cluster_client=isinstance(client, redis.asyncio.RedisCluster))
            if finding.fatal:
                return finding
            worst = finding if finding.reason is not RedisReason.OK else worst
    except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
        return finding_of(error)
    return worst


async def close(client: Client) -> None:
    """Close the client with everything it opened; ``aclose`` alone forgets sentinels and half-made clusters."""
    await client.aclose()
    if isinstance(client, redis.asyncio.RedisCluster):
        for node in client.nodes_manager.startup_nodes.values():
            await node.disconnect()
    elif isinstance(client.connection_pool, redis.asyncio.sentinel.SentinelConnectionPool):
        for sentinel in client.connection_pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def judge(information: Mapping[str, Any], *, cluster_client: bool = False) -> RedisFinding:
    """What one server's ``INFO`` says about its fitness.

    ``INFO`` rather than ``CONFIG GET``, which managed services forbid.
    """
    version = _version(information)
    policy = str(information.get("maxmemory_policy", "noeviction"))
    clustered = bool(int(information.get("cluster_enabled", 0)))
    if int(information.get("loading", 0)):
        return RedisFinding(RedisReason.LOADING, "the server is still loading its data; wait")
    if version < OLDEST:
        text = ".".join(map(str, version))
        return RedisFinding(
            RedisReason.TOO_OLD, f"the server is version {text}; {'.'.join(map(str, OLDEST))} or newer is needed"
        )
    if clustered and not cluster_client:
        return RedisFinding(RedisReason.CLUSTER_MISMATCH, "the server is part of a cluster: set redis.cluster: true")
    if information.get("role") == "slave":
        fix = "the server is a replica: give the address of the primary, or set redis.sentinels"
        return RedisFinding(RedisReason.READ_ONLY, fix)
    if policy != "noeviction":
        fix = (
            f"maxmemory-policy is {policy}, so state may vanish without a trace: CONFIG SET maxmemory-policy noeviction"
        )
        return RedisFinding(RedisReason.EVICTION_ENABLED, fix)
    if not int(information.get("aof_enabled", 1)):
        fix = "appendonly is off: a restart of the server loses what it has not snapshotted; set appendonly yes"
        return RedisFinding(RedisReason.NOT_DURABLE, fix)
    return RedisFinding(RedisReason.OK)


def finding_of(error: Exception) -> RedisFinding:
    """The named reason behind an error of the client or the network, with its fix."""
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        return RedisFinding(RedisReason.AUTH_FAILED, f"{error}: set redis.password or redis.password_file")
    if isinstance(error, exceptions.NoPermissionError):
        return RedisFinding(RedisReason.NO_PERMISSION, f"{error}: grant the user what docs/operations.md lists")
    if isinstance(error, exceptions.BusyLoadingError):
        return RedisFinding(RedisReason.LOADING, "the server is still loading its data; wait")
    if isinstance(error, exceptions.ReadOnlyError):
        return RedisFinding(RedisReason.READ_ONLY, "the server is a replica: give the address of the primary")
    text = str(error)
    if "NOAUTH" in text or "Authentication required" in text or "WRONGPASS" in text:
        return RedisFinding(RedisReason.AUTH_FAILED, f"{text}: set redis.password or redis.password_file")
    if "Cluster mode is not enabled" in text or "cluster support disabled" in text:
        return RedisFinding(RedisReason.CLUSTER_MISMATCH, "the server is no cluster: set redis.cluster: false")
    return _unreachable(error)


def _unreachable(error: Exception) -> RedisFinding:
    return RedisFinding(
        RedisReason.UNREACHABLE, f"{str(error) or type(error).__name__}: is the server running, redis.url right?"
    )


def _options(settings: Redis) -> dict[str, Any]:
    password = settings.password
    if settings.password_file:
        password = Path(settings.password_file).read_text().rstrip("\r\n")
    options: dict[str, Any] = {
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": settings.timeout,
        "retry": redis.asyncio.retry.Retry(NoBackoff(), 0),
        "client_name": "driftbell",
        # RESP2: all we need, understood by every server and proxy, and without server pushes into a reply.
        "protocol": 2,
    }
    if settings.username is not None:
        options["username"] = settings.username
    if password is not None:
        options["password"] = password
    if _wants_tls(settings):
        options |= {
            "ssl_ca_certs": settings.tls_ca_file,
            "ssl_certfile": settings.tls_certificate_file,
            "ssl_keyfile": settings.tls_key_file,
        }
    return options


def _wants_tls(settings: Redis) -> bool:
    return urllib.parse.urlsplit(settings.url).scheme == "rediss"


def _url(settings: Redis) -> str:
    scheme = urllib.parse.urlsplit(settings.url).scheme
    if scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(
            f"redis.url starts with {scheme!r}; it may start with redis://, rediss://, unix:// or memory://"
        )
    if settings.cluster and scheme == "unix":
        raise ValueError("redis.cluster needs a redis:// or rediss:// address")
    return settings.url


def _by_sentinel(settings: Redis, options: dict[str, Any]) -> Client:
    if settings.cluster:
        raise ValueError("redis.cluster and redis.sentinels exclude each other")
    if not settings.sentinel_service:
        raise ValueError("redis.sentinels needs redis.sentinel_service, the name the sentinels know the primary by")
    url = urllib.parse.urlsplit(_url(settings))
    given: dict[str, Any] = {"ssl": True} if url.scheme == "rediss" else {}
    if url.path.strip("/"):
        given["db"] = int(url.path.strip("/"))
    for name, value in (("username", url.username), ("password", url.password)):
        if value:
            given.setdefault(name, urllib.parse.unquote(value))
    sentinels = [_address(text) for text in settings.sentinels]
    # Sentinels have no login of ours; the password is the servers'.
    sentinel_options = {key: options[key] for key in ("socket_timeout", "socket_connect_timeout", "protocol", "retry")}
    sentinel = redis.asyncio.Sentinel(sentinels, sentinel_kwargs=sentinel_options, **given | options)
    client: redis.asyncio.Redis = sentinel.master_for(settings.sentinel_service)
    return client


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"redis.sentinels: {text!r} is not host:port")
    return host.strip("[]"), int(port)


async def _information(client: Client) -> list[Mapping[str, Any]]:
    if isinstance(client, redis.asyncio.RedisCluster):
        await client.initialize()
        return [await client.info(target_nodes=node) for node in client.get_primaries()]
    return [await client.info()]


def _version(information: Mapping[str, Any]) -> tuple[int, ...]:
    # Valkey reports redis_version 7.2.4 for compatibility, which is all that matters here.
    parts = str(information.get("redis_version", "0")).split(".")
    return tuple(int(part) for part in parts[:2] if part.isdigit())
