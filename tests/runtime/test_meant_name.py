"""A hint about a Kafka property is right or absent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.runtime.kafka.meant_name import meant_name
from driftbell.runtime.kafka.names import JAVA, KNOWN, OURS

NAMES = sorted(KNOWN - OURS.keys())
#: Two names of one thing.
ALIASES = {frozenset({"sasl.mechanism", "sasl.mechanisms"})}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bootstrap.server", "bootstrap.servers"), ("bootstrap.servrs", "bootstrap.servers"),
        ("bootstrap", "bootstrap.servers"), ("ssl.cert.location", "ssl.certificate.location"),
        ("bootstrap_servers", "bootstrap.servers"), ("security.protocl", "security.protocol"), ("lingerms", "linger.ms"),
        ("sasl.user", "sasl.username"), ("sasl.pasword", "sasl.password"), ("request.timeout", "request.timeout.ms"),
        ("socket.keepalive.enabled", "socket.keepalive.enable"), ("SECURITY_PROTOCOL", "security.protocol"),
    ],
)  # fmt: skip
def test_a_slip_is_understood(name: str, meant: str) -> None:
    assert meant_name(name, NAMES) == meant


@pytest.mark.parametrize(
    "name",
    [
        "queue.buffering.max.mb", "retry.backoff.max", "max.poll.records", "ssl.enabled", "sasl.enable",
        "ssl.ca.file", "ssl.cafile", "client.identifier", "ssl.certificate", "enable.tls", "brokers", "", ".", "ms",
        "client.d", "ssl.cra.location",
    ],
)  # fmt: skip
def test_another_thing_is_not_taken_for_one_that_is_spelt_like_it(name: str) -> None:
    assert meant_name(name, NAMES) is None


@pytest.mark.parametrize("name", sorted({*KNOWN, *OURS, *JAVA}))
def test_no_name_of_kafka_is_ever_taken_for_another(name: str) -> None:
    """As if it were not known: a name of a later version is nothing else's slip."""
    meant = meant_name(name, [one for one in NAMES if one != name])

    assert meant is None or meant.startswith(name) or frozenset({name, meant}) in ALIASES


@given(st.sampled_from(NAMES), st.data())
def test_a_slip_of_the_keyboard_is_taken_for_what_was_meant_or_for_nothing(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slip = data.draw(
        st.sampled_from(
            [name[:at] + name[at + 1 :], name[:at] + letter + name[at:], name[:at] + letter + name[at + 1 :]]
        )
    )

    assert slip in NAMES or meant_name(slip, NAMES) in {name, None} or slip.startswith(name[:-1])
