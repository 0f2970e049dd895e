"""Alerts that others post (Prometheus, amtool), as plain records: what the stores keep, and what a command carries."""

from __future__ import annotations

import msgspec


class Posted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was posted of an alert last, all posts merged. Epoch milliseconds.

    Args:
        starts_ms: of the alert.
        ends_ms: it fires until then, unless it is posted again.
        updated_ms: when it was posted last.
        timeout: the end was not posted, but made of ``resolve_timeout``.
    """

    starts_ms: int
    ends_ms: int
    updated_ms: int
    timeout: bool = False

    def fires(self, now_ms: int) -> bool:
        """Whether it is not over."""
        return self.ends_ms > now_ms


class PostedAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert of a post, checked. Times are None where none was given."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    generator_url: str = ""
    starts_ms: int | None = None
    ends_ms: int | None = None


class PostAlerts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="post_alerts"):
    """A command: take alerts in."""

    alerts: tuple[PostedAlert, ...]
