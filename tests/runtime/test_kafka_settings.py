"""One block of Kafka settings for three kinds of client: what each is given, and what is refused with which fix."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from driftbell.runtime.kafka import (
    aiokafka_settings,
    client_settings,
    consumer_settings,
    faust_broker,
    ignored_by_worker,
    problems,
    producer_settings,
)
from tests.services import EmbeddedBroker
from tests.services.tls import Certificates

Block = dict[str, str | int | float | bool]


def test_producers_are_exact_and_keyed_like_java() -> None:
    settings = producer_settings({"bootstrap.servers": "a:1", "linger.ms": 5, "fetch.min.bytes": 9})

    assert settings["enable.idempotence"] == "true"
    assert settings["acks"] == "all"
    assert settings["partitioner"] == "murmur2_random"
    assert settings["compression.type"] == "zstd"
    assert settings["linger.ms"] == 5
    assert "fetch.min.bytes" not in settings


def test_consumers_commit_only_when_told() -> None:
    settings = consumer_settings({"bootstrap.servers": "a:1", "linger.ms": 5}, "g")

    assert (settings["group.id"], settings["enable.auto.commit"]) == ("g", "false")
    assert "linger.ms" not in settings


def test_librdkafka_takes_what_is_made_for_it(
    embedded_broker: EmbeddedBroker, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka: Block = {**embedded_broker.settings, "linger.ms": 5, "fetch.min.bytes": 2, "socket.keepalive.enable": True}
    capfd.readouterr()
    # Named, as clients of earlier tests may still be saying goodbye.
    named: Block = {**kafka, "client.id": "taken"}
    Producer(producer_settings(named))
    AdminClient(client_settings(named))
    Consumer(consumer_settings(named, "g")).close()

    # A property that does not belong to the kind of client is warned of on stderr.
    assert [
        line for line in capfd.readouterr().err.splitlines() if "|taken#" in line or "|driftbell#" not in line
    ] == []


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pässword\n")
    kafka: Block = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "u",
        "sasl.password_file": str(tmp_path / "secret"),
    }

    assert client_settings(kafka)["sasl.password"] == "pässword"
    assert aiokafka_settings(kafka)["sasl_plain_password"] == "pässword"
    assert "sasl.password_file" not in client_settings(kafka)
    assert list(problems(kafka)) == []


def test_aiokafka_is_given_the_same_connection() -> None:
    kafka: Block = {
        "bootstrap.servers": "PLAINTEXT://a:1, b:2",
        "client.id": "x",
        "socket.timeout.ms": 7000,
        "connections.max.idle.ms": 60000,
        "linger.ms": 5,
    }

    assert aiokafka_settings(kafka) == {
        "bootstrap_servers": "a:1,b:2",
        "client_id": "x",
        "request_timeout_ms": 7000,
        "connections_max_idle_ms": 60000,
        "security_protocol": "PLAINTEXT",
    }
    assert faust_broker(kafka) == (["kafka://a:1", "kafka://b:2"], {"security_protocol": "PLAINTEXT"})
    assert ignored_by_worker(kafka) == ["linger.ms"]


def test_tls_is_verified_unless_told_otherwise(certificates: Certificates) -> None:
    kafka: Block = {
        "security.protocol": "ssl",
        "ssl.ca.location": str(certificates.ca),
        "ssl.certificate.location": str(certificates.client_certificate),
        "ssl.key.location": str(certificates.client_key),
    }

    strict: ssl.SSLContext = aiokafka_settings(kafka)["ssl_context"]
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(strict.get_ca_certs()) == 1

    any_name: ssl.SSLContext = aiokafka_settings(kafka | {"ssl.endpoint.identification.algorithm": "none"})[
        "ssl_context"
    ]
    assert (any_name.verify_mode, any_name.check_hostname) == (ssl.CERT_REQUIRED, False)

    blind: ssl.SSLContext = aiokafka_settings(kafka | {"enable.ssl.certificate.verification": False})["ssl_context"]
    assert (blind.verify_mode, blind.check_hostname) == (ssl.CERT_NONE, False)
    assert list(problems(kafka)) == []


SASL: Block = {"security.protocol": "SASL_PLAINTEXT"}


@pytest.mark.parametrize(
    ("kafka", "name", "words"),
    [
        ({"bootstrap.server": "a:1"}, "bootstrap.server", "did you mean bootstrap.servers?"),
        ({"bootstrap.servers": "a:b:c"}, "bootstrap.servers", "host:port"),
        ({"bootstrap_servers": "a:1"}, "bootstrap_servers", "write bootstrap.servers"),
        ({"linger.ms": "soon"}, "linger.ms", "Invalid value"),
        ({"compression.type": "rar"}, "compression.type", "Invalid value"),
        ({"group.id": "g"}, "group.id", "worker.group"),
        ({"acks": 1}, "acks", "remove it"),
        ({"partitioner": "random"}, "partitioner", "murmur2_random"),
        ({"ssl.truststore.location": "/x.jks"}, "ssl.truststore.location", "ssl.ca.location"),
        ({"sasl.jaas.config": "x"}, "sasl.jaas.config", "sasl.username"),
        ({"ssl.ca.location": "/no/such/file"}, "ssl.ca.location", "there is no file"),
        ({"sasl.password_file": "/no/such/file"}, "sasl.password_file", "there is no file"),
        ({"sasl.password": "x", "sasl.password_file": __file__}, "sasl.password_file", "both set"),
        ({"security.protocol": "TLS"}, "security.protocol", "SASL_SSL"),
        ({"security.protocol": "SSL", "ssl.ca.location": __file__}, "ssl.ca.location", "PEM"),
        ({"security.protocol": "SSL", "ssl.keystore.location": __file__}, "ssl.keystore.location", "ssl.key.location"),
        (SASL, "security.protocol", "sasl.mechanism is 'not set'"),
        (SASL | {"sasl.mechanism": "DIGEST"}, "sasl.mechanism", "SCRAM-SHA-512"),
        (SASL | {"sasl.mechanism": "PLAIN"}, "sasl.mechanism", "sasl.username is needed"),
        (SASL | {"sasl.mechanism": "OAUTHBEARER"}, "sasl.mechanism", "sasl.oauthbearer.method: oidc"),
        (
            SASL | {"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc"},
            "sasl.oauthbearer.method",
            "sasl.oauthbearer.client.id",
        ),
    ],
)
def test_a_wrong_property_is_named_with_its_fix(kafka: dict[str, Any], name: str, words: str) -> None:
    found = list(problems(kafka))

    assert [problem[0] for problem in found] == [name]
    assert words in found[0][1]


def test_all_problems_are_told_at_once() -> None:
    kafka: Block = {"linger.ms": "soon", "no.such.thing": 1, "queue.buffering.max.messages": -7, "client.id": "fine"}

    assert [name for name, _ in problems(kafka)] == ["linger.ms", "no.such.thing", "queue.buffering.max.messages"]


def test_sensible_settings_have_no_problems() -> None:
    kafka: Block = {
        "bootstrap.servers": "a:1,[::1]:9092,broker-2.example.org",
        "client.id": "x",
        "linger.ms": 5,
        "fetch.min.bytes": 1,
        "socket.keepalive.enable": True,
        "compression.type": "lz4",
    }

    assert list(problems(kafka)) == []
