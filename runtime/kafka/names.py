"""Which Kafka property names mean what here. Source: librdkafka's CONFIGURATION.md and Kafka's Java client reference."""

from __future__ import annotations

#: Names whose value is hidden wherever settings are shown, and that may be given as ``<name>_file`` instead.
SECRETS = frozenset(
    {
        "sasl.password",
        "sasl.oauthbearer.client.secret",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
    }
)
FILE_SUFFIX = "_file"

#: Names that the worker's client (aiokafka) obeys too.
CONNECTION = frozenset(
    {
        "bootstrap.servers",
        "metadata.broker.list",
        "client.id",
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "sasl.kerberos.service.name",
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.extensions",
        "sasl.oauthbearer.token.endpoint.url",
        "https.ca.location",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.crl.location",
        "ssl.cipher.suites",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
        "socket.timeout.ms",
        "metadata.max.age.ms",
        "connections.max.idle.ms",
        "retry.backoff.ms",
    }
)

#: Names of producers alone. librdkafka warns when a consumer is given one.
PRODUCER_ONLY = frozenset(
    {
        "linger.ms",
        "queue.buffering.max.ms",
        "queue.buffering.max.messages",
        "queue.buffering.max.kbytes",
        "batch.size",
        "batch.num.messages",
        "compression.type",
        "compression.codec",
        "compression.level",
        "message.timeout.ms",
        "delivery.timeout.ms",
        "request.timeout.ms",
        "message.send.max.retries",
        "retries",
        "sticky.partitioning.linger.ms",
    }
)

#: Names of consumers alone.
CONSUMER_ONLY = frozenset(
    {
        "fetch.min.bytes",
        "fetch.max.bytes",
        "fetch.wait.max.ms",
        "fetch.message.max.bytes",
        "max.partition.fetch.bytes",
        "fetch.error.backoff.ms",
        "queued.min.messages",
        "queued.max.messages.kbytes",
        "check.crcs",
    }
)

#: Names driftbell sets itself, since exactness depends on them, and where the user's wish belongs instead.
OURS = {
    "group.id": "set worker.group",
    "group.instance.id": "set worker.instance_id",
    "group.protocol": "the worker's client knows the classic protocol only; remove it",
    "session.timeout.ms": "set worker.session_timeout",
    "isolation.level": "set worker.read_committed",
    "enable.auto.commit": "offsets are committed after the checkpoint; remove it",
    "enable.auto.offset.store": "offsets are committed after the checkpoint; remove it",
    "auto.offset.reset": "where to start is decided by the checkpoint; remove it",
    "enable.idempotence": "always true; remove it",
    "acks": "always 'all'; remove it",
    "request.required.acks": "always -1 (all); remove it",
    "partitioner": "always murmur2_random, so that predictions and feedback of one model meet; remove it",
    "transactional.id": "driftbell uses no transactions; remove it",
}

#: Names of Kafka's Java client that librdkafka spells otherwise.
JAVA = {
    "ssl.truststore.location": "librdkafka reads PEM files: set ssl.ca.location",
    "ssl.truststore.password": "librdkafka reads PEM files: set ssl.ca.location and remove it",
    "ssl.truststore.type": "librdkafka reads PEM files: set ssl.ca.location and remove it",
    "ssl.truststore.certificates": "set ssl.ca.pem",
    "ssl.keystore.type": "set ssl.certificate.location and ssl.key.location, or ssl.keystore.location for PKCS#12",
    "ssl.keystore.certificate.chain": "set ssl.certificate.location",
    "ssl.keystore.key": "set ssl.key.location",
    "sasl.jaas.config": "set sasl.username and sasl.password",
    "sasl.login.callback.handler.class": "set sasl.oauthbearer.method: oidc and sasl.oauthbearer.token.endpoint.url",
    "sasl.client.callback.handler.class": "set sasl.oauthbearer.method: oidc and sasl.oauthbearer.token.endpoint.url",
    "key.serializer": "driftbell writes bytes; remove it",
    "value.serializer": "driftbell writes bytes; remove it",
    "key.deserializer": "driftbell reads bytes; remove it",
    "value.deserializer": "driftbell reads bytes; remove it",
    "buffer.memory": "set queue.buffering.max.kbytes",
    "max.poll.records": "remove it",
    "fetch.max.wait.ms": "set fetch.wait.max.ms",
}

#: Further names of librdkafka that people use; only for suggestions, since librdkafka itself decides what exists.
_COMMON = {
    "debug",
    "log_level",
    "log.connection.close",
    "statistics.interval.ms",
    "client.rack",
    "client.dns.lookup",
    "broker.address.family",
    "broker.address.ttl",
    "message.max.bytes",
    "receive.message.max.bytes",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.key.pem",
    "ssl.certificate.pem",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "ssl.providers",
    "topic.metadata.refresh.interval.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "api.version.request",
    "test.mock.num.brokers",
}

KNOWN = frozenset({*CONNECTION, *PRODUCER_ONLY, *CONSUMER_ONLY, *OURS, *_COMMON, *SECRETS})
