"""A checked configuration, ready to be put in force: its channels are built, and it knows the rules that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.registry import Endpoint, retired
from driftbell.alerting.destinations.retirement import destination_of
from driftbell.alerting.incidents.configured import dispatch_of
from driftbell.alerting.incidents.dispatch import Dispatch
from driftbell.alerting.incidents.failover import Failover
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.identity import identify
from driftbell.alerting.posting.posting import Posting, posting_of
from driftbell.alerting.state.records import KnownDestination
from driftbell.alerting.storms.digest import Digests
from driftbell.runtime.config.router import RouterConfig

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force: the rules, and the channel of every destination, retired ones too, by id."""

    dispatch: Dispatch
    failover: Failover
    endpoints: Mapping[str, Endpoint]
    posting: Posting
    digests: Digests


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration with its channels.

    Args:
        endpoints: in the order of the file; their destinations have the identities that a router without a memory gives.
        rules: makes the rules for destinations, of which some may be retired.
        retired: makes the channel of a destination that is remembered only.
        posting: makes the rules for what others post.
    """

    endpoints: Sequence[Endpoint]
    rules: Callable[[Sequence[Destination]], tuple[Dispatch, Failover]]
    retired: Callable[[KnownDestination], Channel]
    posting: Callable[[Dispatch], Posting] = Posting

    def identified(self, known: Iterable[KnownDestination]) -> list[Endpoint]:
        """The endpoints under the identities by which the router remembers their destinations."""
        named = identify([endpoint.destination for endpoint in self.endpoints], known)
        return [replace(one, destination=name) for one, name in zip(self.endpoints, named, strict=True)]

    def in_force(self, configured: Iterable[Endpoint], known: Mapping[str, KnownDestination]) -> InForce:
        """What follows for identified endpoints, and for what is remembered beside them."""
        endpoints = {endpoint.destination.id: endpoint for endpoint in configured}
        for record in known.values():
            if record.id not in endpoints:
                endpoints[record.id] = Endpoint(destination_of(record), self.retired(record))
        dispatch, failover = self.rules([endpoint.destination for endpoint in endpoints.values()])
        digests = Digests(dispatch.destinations, dispatch.external_url)
        return InForce(dispatch, failover, endpoints, self.posting(dispatch), digests)


def record_of(endpoint: Endpoint) -> KnownDestination:
    """What is remembered of a configured destination while something is open there."""
    destination = endpoint.destination
    return KnownDestination(
        id=destination.id,
        integration=destination.integration,
        receiver=destination.receiver,
        label=destination.label,
        address=destination.address,
        settings_digest=destination.settings,
        send_resolved=destination.send_resolved,
        settings=endpoint.settings,
        secrets=endpoint.secrets,
    )


def plan_of(settings: RouterConfig, endpoints: Sequence[Endpoint], session: aiohttp.ClientSession) -> Plan:
    """The plan of a checked configuration."""
    root = (settings.route.receiver if settings.route else None) or ""
    return Plan(
        endpoints,
        lambda destinations: (dispatch_of(settings, destinations), Failover(destinations, root)),
        lambda record: retired(record, settings, session),
        partial(posting_of, settings),
    )
