"""The identity of one alert transition: the same transition has the same id, whoever computes it and how often."""

from __future__ import annotations

import uuid

from driftbell.schemas.alert import Status

#: Fixed for ever: another namespace would make every alert of a running condition look new.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:driftbell:alert")


def alert_id(fingerprint: str, episode: int, status: Status, partition: int | None = None) -> str:
    """The UUID (RFC 9562, version 5) of condition ``fingerprint`` entering ``status`` in its ``episode``-th firing.

    ``partition`` is that of ``Alert.partition``: two partitions that count episodes of one condition make different records.
    """
    where = "" if partition is None else f"@{partition}"
    return str(uuid.uuid5(_NAMESPACE, f"{fingerprint}{where}/{episode}/{status}"))
