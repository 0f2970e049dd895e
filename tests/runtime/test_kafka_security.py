"""The same settings block logs both kinds of client in to a real, secured Kafka."""

from __future__ import annotations

import asyncio
import base64
import gc
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from driftbell.runtime.kafka import aiokafka_settings, client_settings, problems
from driftbell.runtime.kafka.oauth import OidcTokenProvider
from tests.services import KafkaNode
from tests.services.tls import Certificates
from tests.services.waiting import eventually

Block = dict[str, str | int | float | bool]

_SECURITY = "org.apache.kafka.common.security"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[KafkaNode]:
    """A broker with a mutual-TLS listener, a SASL_SSL listener and one for OAuth tokens."""
    tls = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.server_keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
    }
    properties = {f"listener.name.{name}.{key}": value for name in ("mutual", "login") for key, value in tls.items()}
    properties |= {
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.login.plain.sasl.jaas.config": (
            f'{_SECURITY}.plain.PlainLoginModule required user_ann="ann-secret";'
        ),
        "listener.name.login.scram-sha-256.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
        "listener.name.login.scram-sha-512.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
        "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.token.oauthbearer.sasl.jaas.config": (
            f'{_SECURITY}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
        ),
    }
    listeners = {"MUTUAL": "SSL", "LOGIN": "SASL_SSL", "TOKEN": "SASL_PLAINTEXT"}
    folder = tmp_path_factory.mktemp("secured")
    with KafkaNode(folder, properties=properties, extra_listeners=listeners) as node:
        admin = AdminClient({"bootstrap.servers": node.bootstrap})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            bob = UserScramCredentialUpsertion("bob", ScramCredentialInfo(mechanism, 4096), b"bob-secret")
            admin.alter_user_scram_credentials([bob])["bob"].result(20)
        yield node


@pytest.fixture
def token_endpoint() -> Iterator[str]:
    """An identity provider that gives unsigned tokens (alg none), which Kafka's default validator takes."""

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            if login != "client:client-secret":
                self._answer(401, {"error": "invalid_client"})
                return
            now = time.time()
            parts = ({"alg": "none"}, {"sub": "carol", "iat": now, "exp": now + 600, "scope": "x"})
            encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
            self._answer(200, {"access_token": ".".join([*encoded, ""]), "expires_in": 600, "token_type": "bearer"})

        def _answer(self, status: int, body: dict[str, object]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/token"
    server.shutdown()
    thread.join()
    server.server_close()


async def _log_in_with_every_client(block: Block) -> None:
    assert list(problems(block)) == []
    assert AdminClient(client_settings(block)).list_topics(timeout=15).brokers

    admin = AIOKafkaAdminClient(**aiokafka_settings(block))
    await admin.start()
    await admin.close()
    consumer = AIOKafkaConsumer(**aiokafka_settings(block))
    try:
        await consumer.start()
        await eventually(lambda: _answers(consumer), "the broker knows its topics")
    finally:
        await consumer.stop()
    producer = AIOKafkaProducer(**aiokafka_settings(block))
    await producer.start()
    await producer.stop()
    # asyncio says goodbye on a TLS connection after close() has returned, and tells nobody when it is done.
    await asyncio.sleep(0.2)


async def _answers(consumer: AIOKafkaConsumer) -> bool:
    try:
        return await consumer.topics() is not None
    except KafkaError:
        # On a machine that stood still a broker is in nobody's metadata until its controller has heard of it again.
        return False


@pytest.mark.kafka
async def test_mutual_tls(secured: KafkaNode, certificates: Certificates) -> None:
    await _log_in_with_every_client(
        {
            "bootstrap.servers": secured.bootstrap_of("MUTUAL"),
            "security.protocol": "SSL",
            "ssl.ca.location": str(certificates.ca),
            "ssl.certificate.location": str(certificates.client_certificate),
            "ssl.key.location": str(certificates.client_key),
        }
    )


def _login(secured: KafkaNode, certificates: Certificates, mechanism: str, user: str, password: str) -> Block:
    return {
        "bootstrap.servers": secured.bootstrap_of("LOGIN"),
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(certificates.ca),
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("mechanism", "user", "password"),
    [
        ("PLAIN", "ann", "ann-secret"),
        ("SCRAM-SHA-256", "bob", "bob-secret"),
        ("SCRAM-SHA-512", "bob", "bob-secret"),
    ],
)
async def test_passwords(
    secured: KafkaNode, certificates: Certificates, mechanism: str, user: str, password: str
) -> None:
    await _log_in_with_every_client(_login(secured, certificates, mechanism, user, password))


# aiokafka 0.14 forgets the socket of a refused login; it is collected inside this test, so that it disturbs no other.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.kafka
async def test_a_wrong_password_is_refused(secured: KafkaNode, certificates: Certificates) -> None:
    block = _login(secured, certificates, "PLAIN", "ann", "wrong")
    admin = AIOKafkaAdminClient(**aiokafka_settings(block))
    try:
        with pytest.raises(KafkaError):
            await admin.start()
    finally:
        await admin.close()
        await asyncio.sleep(0.2)
        del admin
        gc.collect()


def _oidc(bootstrap: str, endpoint: str, secret: str) -> Block:
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "client",
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": endpoint,
        "sasl.oauthbearer.scope": "x",
    }


@pytest.mark.kafka
async def test_tokens(secured: KafkaNode, token_endpoint: str) -> None:
    await _log_in_with_every_client(_oidc(secured.bootstrap_of("TOKEN"), token_endpoint, "client-secret"))


async def test_a_token_is_fetched_anew_only_when_most_of_its_life_is_over(token_endpoint: str) -> None:
    clock = [0.0]
    provider = OidcTokenProvider(
        endpoint=token_endpoint, client_id="client", client_secret="client-secret", now=lambda: clock[0]
    )
    first = await provider.token()
    clock[0] = 0.79 * 600
    assert await provider.token() == first
    clock[0] = 0.81 * 600
    assert await provider.token() != first


async def test_a_refused_client_is_told_what_the_endpoint_said(token_endpoint: str) -> None:
    provider = OidcTokenProvider(endpoint=token_endpoint, client_id="client", client_secret="wrong")

    with pytest.raises(ConnectionError, match=r"401.*invalid_client"):
        await provider.token()


def test_a_file_url_is_no_token_endpoint() -> None:
    with pytest.raises(ValueError, match=r"http\(s\)"):
        OidcTokenProvider(endpoint=Path("/etc/passwd").as_uri(), client_id="a", client_secret="b")
