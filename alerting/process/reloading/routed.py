"""What a reload refuses though a start takes it: a configuration without receivers."""

from __future__ import annotations

from driftbell.alerting.channels.registry import in_force
from driftbell.alerting.errors import RefusedError
from driftbell.runtime.config.router import RouterConfig


def check_routed(router: RouterConfig, before: RouterConfig) -> None:
    """Refuse a configuration without receivers where there were some, as an empty file is.

    All that is open would be closed, and only the log would say so.

    Args:
        router: as it was read.
        before: what is in force (``registry.in_force``).

    Raises:
        RefusedError: it has none, and another is in force than a router without a configuration runs with.
    """
    if router.is_default and in_force(router).receivers != before.receivers:
        raise RefusedError(
            "it has no receivers any more, so that nobody would be told of anything: is the file empty, or half written? "
            "Put router.route and router.receivers back, or restart the router if that is meant"
        )
