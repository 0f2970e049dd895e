"""What this router is: its configuration without secrets, its receivers, since when it runs."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from driftbell.alerting.api.port import ApiPort, Rules
from driftbell.alerting.api.wire.original import original
from driftbell.alerting.times import rfc3339


def status(port: ApiPort) -> dict[str, Any]:
    """``GET /api/v2/status``."""
    try:
        version = metadata.version("driftbell")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {
        # One router leads and the others stand by: there is no gossip to tell of.
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": original(port.rules.settings)},
        "uptime": rfc3339(port.started_ms),
        "versionInfo": {
            "branch": "driftbell",
            "buildDate": "",
            "buildUser": "",
            "goVersion": f"python{platform.python_version()}",
            "revision": "",
            "version": version,
        },
    }


def receivers(rules: Rules) -> list[dict[str, str]]:
    """``GET /api/v2/receivers``, in the order of the file."""
    return [{"name": one.name} for one in rules.settings.receivers]
