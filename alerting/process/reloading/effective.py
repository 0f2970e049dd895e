"""The configuration that a router runs with, at its start and after a reload."""

from __future__ import annotations

from driftbell.alerting.api.startable import refusals as api_refusals
from driftbell.alerting.channels import registry
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.heartbeat.startable import refusals as heartbeat_refusals
from driftbell.alerting.inbound.startable import refusals as inbound_refusals
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.config.router_check import RouterConfigError, check
from driftbell.runtime.config.rules import BadSetting


def effective(router: RouterConfig) -> RouterConfig:
    """The configuration to run with: checked, and logging everything if there is none.

    Raises:
        RefusedError: it has problems; the message names the places.
    """
    router = registry.in_force(router)
    problems = [*check(router), *registry.check(router), *unmet(router)]
    if problems:
        raise RefusedError(str(RouterConfigError(problems)))
    return router


def unmet(router: RouterConfig) -> list[BadSetting]:
    """What a start needs of this machine and does not find, beside the channels' needs; paths are below ``router``."""
    return [*api_refusals(router.api), *inbound_refusals(router), *heartbeat_refusals(router.heartbeat)]
