"""An event that cannot be published as it is."""

from __future__ import annotations

from driftbell_client.stats import DropReason


class Refused(Exception):
    """Raised inside the client only: its caller is told by counters and the log, never by an exception."""

    def __init__(self, reason: DropReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
