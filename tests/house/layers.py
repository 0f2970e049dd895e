"""The layers: which folder of ``streams`` and ``alerting`` may import which, and which of them are pure.

A folder stands here with the folders it may import. Modules that lie directly in a room stand here with their own name.
A new folder needs a line; whether the line makes a circle or breaks purity, ``test_layers.py`` says.
"""

from __future__ import annotations

#: Modules that every folder of the room may import, and that import no folder of it.
BASE: dict[str, set[str]] = {
    "streams": {"agreement", "batch", "encoding", "errors", "records", "subject", "versioned"},
    "alerting": {"errors", "foreign_json", "times"},
}

#: Folder -> the folders of the same room that it may import, beside ``BASE``.
MAY_IMPORT: dict[str, dict[str, set[str]]] = {
    "streams": {
        "stats": set(),
        "detectors": {"stats"},
        "reference": {"detectors", "stats"},
        "windows": {"stats"},
        "join": set(),
        "monitors": {"detectors", "reference", "stats"},
        "alerts": {"monitors"},
        "checkpoints": {"join"},
        "partition": {"alerts", "checkpoints", "join", "monitors", "reference", "stats", "windows"},
        "engine": {"alerts", "checkpoints", "partition", "stats"},
        "kafka": {"engine", "partition"},
        "observability": {"alerts", "engine", "join", "kafka", "monitors", "partition", "stats"},
        "replay": {"checkpoints", "partition"},
        "app": {"checkpoints", "engine", "kafka", "observability"},
        "worker": {"app", "kafka"},
    },
    "alerting": {
        "state": set(),
        "routing": set(),
        "outbox": {"routing", "state"},
        "muting": {"routing", "state"},
        "rendering": {"outbox", "routing", "state"},
        "life": {"muting", "outbox", "routing", "state"},
        "incidents": {"life", "muting", "outbox", "rendering", "routing", "state"},
        "storms": {"incidents", "life", "outbox", "rendering", "routing", "state"},
        "posting": {"incidents", "routing", "state"},
        "destinations": {"incidents", "outbox", "state"},
        "pictures": {"outbox", "rendering"},
        "channels": {"outbox", "pictures", "rendering", "state"},
        "commands": {"life", "muting", "state"},
        "api": {"channels", "commands", "muting", "posting", "rendering", "routing", "state"},
        "inbound": {"api", "channels", "state"},
        "heartbeat": {"channels", "outbox", "rendering", "state"},
        "process": {
            *(
                "api",
                "channels",
                "commands",
                "destinations",
                "heartbeat",
                "inbound",
                "incidents",
                "life",
                "muting",
                "outbox",
                "posting",
                "rendering",
                "routing",
                "state",
                "storms",
            ),
        },
    },
}

#: Folders that reach nothing outside the process and read no clock, whatever chain of imports one follows.
PURE: dict[str, set[str]] = {
    "streams": {
        *BASE["streams"],
        *("partition", "join", "reference", "windows", "detectors", "stats", "monitors", "alerts", "replay"),
    },
    "alerting": {
        *BASE["alerting"],
        *("routing", "muting", "life", "incidents", "storms", "destinations", "outbox", "rendering"),
    },
}

#: What reaches out of the process, or waits, or asks what time it is.
OUTSIDE = {
    "aiohttp",
    "aiokafka",
    "aiosmtplib",
    "asyncio",
    "confluent_kafka",
    "faust",
    "http",
    "mode",
    "redis",
    "slack_sdk",
    "smtplib",
    "socket",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
}

#: Framework -> the only places in ``streams`` that know it.
KNOWN_ONLY_IN: dict[str, set[str]] = {
    "faust": {"kafka", "app"},
    "mode": {"kafka", "app"},
    "aiokafka": {"kafka"},
    "confluent_kafka": {"kafka"},
    "redis": {"checkpoints", "kafka"},
}

#: A folder with more modules of its own than this wants a folder within.
MOST_MODULES = 10
