"""The options of one HTTP request besides its content."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """The options of one request, read anew for each, with the secrets that are in them."""

    headers: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
