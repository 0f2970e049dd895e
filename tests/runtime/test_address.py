"""No address shows its secrets: not in `config show`, not in a log, not in an error."""

from __future__ import annotations

import io
import logging

import pytest

from driftbell.runtime.config.address import hide_secrets, secrets_in
from driftbell.runtime.config.loader import show
from driftbell.runtime.config.model import Config, Redis
from driftbell.runtime.config.secrets import secret_values
from driftbell.runtime.observability.logs import configure

ADDRESSES = [
    "redis://S3CRET@host:6379/0",
    "redis://:S3CRET@host",
    "redis://user:S3CRET@host",
    "redis://user:S3C@RET@host/1",
    "rediss://host:6380/0?password=S3CRET",
    "redis://user@host?db=1&Password=S3CRET&timeout=1",
    "unix:///run/redis.sock?password=S3CRET",
    "https://auth.example/token?client_secret=S3CRET#x",
    "https://hooks.example/a?access_token=S3CRET",
    "https://hooks.example/a?sig=S3CRET",
]
PLAIN = [
    "redis://localhost:6379/0",
    "unix:///run/redis.sock?db=1",
    "https://example.org/@name?page=2",
    "see https://example.org/a, or write to a@b.example",
    '{"url":"redis://host:1","mail":"a@b"}',
    "monkey=banana",
]


def leaks(text: str) -> bool:
    return any(part in text for part in ("S3CRET", "S3C@RET", "S3C", "RET@"))


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_secret_of_an_address_is_hidden(address: str) -> None:
    assert not leaks(hide_secrets(f"cannot reach {address}: refused"))


@pytest.mark.parametrize("text", PLAIN)
def test_what_holds_no_secret_is_left_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text
    assert [*secrets_in(text)] == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_config_show_hides_it_and_shows_it_on_request(address: str) -> None:
    for config in (Config(redis=Redis(url=address)), Config(kafka={"sasl.oauthbearer.token.endpoint.url": address})):
        assert not leaks(show(config))
        assert address in show(config, secrets=True)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("format", ["text", "json"])
def test_no_log_shows_it(address: str, format: str) -> None:
    config = Config(redis=Redis(url=address))
    stream = io.StringIO()
    configure(format=format, stream=stream, secrets=secret_values(config, {}))  # type: ignore[arg-type]
    try:
        logging.getLogger("x").warning("cannot reach %s", address, extra={"where": {"url": address}})
        # A client may repeat the secret outside of any address.
        logging.getLogger("x").warning("WRONGPASS %s", "S3C@RET" if "S3C@RET" in address else "S3CRET")
    finally:
        configure(stream=io.StringIO())
    assert not leaks(stream.getvalue())
