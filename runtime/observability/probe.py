"""Asks a process of ours for its health: ``python -m driftbell.runtime.observability.probe URL``; exit code 0 or 1.

For container health checks, where no curl is at hand. Only the standard library, since it runs every few seconds.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

DEFAULT_URL = "http://127.0.0.1:8081/healthz"
_TIMEOUT_SECONDS = 3.0


def probe(url: str) -> tuple[bool, str]:
    """Whether the endpoint answers 200, and what it says."""
    if not url.startswith("http://"):
        return False, f"{url} is no http:// address"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            return True, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        with error:
            return False, error.read().decode(errors="replace").strip()
    except OSError as error:
        return False, f"{url}: {error}"


if __name__ == "__main__":
    well, said = probe(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_URL)
    print(said)  # noqa: T201 - shown by `docker inspect`
    sys.exit(0 if well else 1)
