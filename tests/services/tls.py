"""A certificate authority of one test session, with a server and a client certificate, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files. The server's names are localhost and 127.0.0.1."""

    ca: Path
    server_certificate: Path
    server_key: Path
    client_certificate: Path
    client_key: Path

    @classmethod
    def create(cls, folder: Path) -> Certificates:
        """Write a new authority and its certificates into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        server = authority.issue_cert("localhost", "127.0.0.1")
        client = authority.issue_cert("client@driftbell.test")
        made = cls(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))
        authority.cert_pem.write_to_path(str(made.ca))
        for issued, certificate, key in (
            (server, made.server_certificate, made.server_key),
            (client, made.client_certificate, made.client_key),
        ):
            certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
            issued.private_key_pem.write_to_path(str(key))
        return made
