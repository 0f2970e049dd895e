"""A certificate authority of one test session, with a server and a client certificate, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. The server's names are localhost and 127.0.0.1.

    ``server_keystore`` holds the server's key and certificate in one, as Kafka's ``ssl.keystore.type=PEM`` wants them.
    """

    ca: Path
    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path
    server_keystore: Path

    @classmethod
    def create(cls, folder: Path) -> Certificates:
        """Write a new authority and its certificates into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        client = authority.issue_cert("client@driftbell.test")
        names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key", "server-keystore.pem")
        made = cls(*(folder / name for name in names))
        authority.cert_pem.write_to_path(str(made.ca))
        for issued, certificate, key in (
            (server, made.server_certificate, made.server_key),
            (client, made.client_certificate, made.client_key),
        ):
            certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
            issued.private_key_pem.write_to_path(str(key))
        # Java reads PKCS#8 keys only.
        server_key = serialization.load_pem_private_key(server.private_key_pem.bytes(), None)
        pkcs8 = server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made.server_keystore.write_bytes(pkcs8 + made.server_certificate.read_bytes())
        return made
