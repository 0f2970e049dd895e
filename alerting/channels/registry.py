"""Every kind of channel, and what follows from the list: the configuration's model, its check, and the destinations.

A new kind is a folder and a line here (docs/architecture.md, "Where does the next thing go?").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from msgspec import structs

from driftbell.alerting.channels.address import identity_of, settings_digest
from driftbell.alerting.channels.alertmanager.kind import ALERTMANAGER
from driftbell.alerting.channels.apprise.kind import APPRISE
from driftbell.alerting.channels.apprise.paging import unreliable
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.kind import EMAIL
from driftbell.alerting.channels.kept import put_together, taken_apart
from driftbell.alerting.channels.kind import BuildContext, ChannelKind, Refusal
from driftbell.alerting.channels.log.kind import LOG
from driftbell.alerting.channels.log.settings import LogConfig
from driftbell.alerting.channels.ntfy.kind import NTFY
from driftbell.alerting.channels.pagerduty.kind import PAGERDUTY
from driftbell.alerting.channels.pushover.kind import PUSHOVER
from driftbell.alerting.channels.retired import RetiredChannel
from driftbell.alerting.channels.slack.kind import SLACK
from driftbell.alerting.channels.teams.kind import TEAMS
from driftbell.alerting.channels.webhook.kind import WEBHOOK
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.outbox.identity import identify
from driftbell.alerting.state.records import KnownDestination
from driftbell.runtime.config.channels import with_channels
from driftbell.runtime.config.document import Path
from driftbell.runtime.config.router import ChannelConfig, Correlate, Receiver, Route, RouterConfig
from driftbell.runtime.config.rules import BadSetting

if TYPE_CHECKING:
    import aiohttp

KINDS: tuple[ChannelKind[Any], ...] = (
    SLACK,
    PAGERDUTY,
    EMAIL,
    WEBHOOK,
    TEAMS,
    NTFY,
    PUSHOVER,
    ALERTMANAGER,
    APPRISE,
    LOG,
)


def check(router: RouterConfig) -> Iterator[BadSetting]:
    """What is wrong with the settings of channels; paths are below ``router``."""
    named: set[tuple[str, str | None]] = set()
    only_apprise: dict[str, Path] = {}
    for index, each in enumerate(router.receivers):
        if not isinstance(each, MODEL.receiver):
            yield BadSetting(
                ("receivers", index),
                f"the channels of {each.name!r} were not read",
                "load the configuration with driftbell.alerting.channels.registry.MODEL",
            )
            continue
        for kind in KINDS:
            for number, settings in enumerate(kind.settings_of(each)):
                path: Path = ("receivers", index, kind.key, number)
                for wrong in kind.check(settings, router.global_):
                    yield wrong.below(path)
                if settings.name is not None and (kind.key, settings.name) in named:
                    fix = "give each its own name: what is open there is known by it"
                    yield BadSetting((*path, "name"), f"two {kind.key} have the name {settings.name!r}", fix)
                named.add((kind.key, settings.name))
        used = [kind for kind in KINDS if kind.settings_of(each)]
        if APPRISE in used and all(kind in (APPRISE, LOG) for kind in used):
            only_apprise[each.name] = ("receivers", index, APPRISE.key, 0)
    yield from unreliable(router, only_apprise)


#: The configuration with the settings of these channels, for ``driftbell.runtime.config.loader.load``.
MODEL = with_channels({kind.key: kind.settings for kind in KINDS}, check)


def receiver(name: str, **channels: list[Any]) -> Receiver:
    """A receiver with settings of channels by key: ``receiver("oncall", slack_configs=[SlackConfig(...)])``."""
    return MODEL.receiver(name=name, **channels)


#: What an empty configuration means.
LOG_ONLY: RouterConfig = MODEL.router(
    route=Route(receiver="log", group_by=["model"], correlate=Correlate()),
    receivers=[receiver("log", log_configs=[LogConfig()])],
)


def in_force(router: RouterConfig) -> RouterConfig:
    """What a router runs with: its configuration, with ``LOG_ONLY``'s route and receiver where it has none at all.

    Whoever says where an alert goes must ask here, or says something else than the router does.
    """
    if not router.is_default:
        return router
    # Its other settings (ports, timeouts) hold all the same.
    return structs.replace(router, route=LOG_ONLY.route, receivers=LOG_ONLY.receivers)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A destination with the channel that serves it."""

    destination: Destination
    channel: Channel
    #: What is remembered of it (``driftbell.alerting.channels.kept``).
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)


def build(router: RouterConfig, session: aiohttp.ClientSession) -> list[Endpoint]:
    """All channels of a checked configuration. Secrets are read once here, so that a missing one stops the start.

    Raises:
        RefusedError: a template, address or header cannot work; a secret cannot be read (``SecretError``). It names all.
    """
    endpoints, refusals = _build(router, session)
    if refusals:
        error = refusals[0].error if len({one.error for one in refusals}) == 1 else RefusedError
        raise error("\n".join(map(str, refusals)))
    return endpoints


async def refusals(router: RouterConfig, *, with_environment: bool = True) -> list[BadSetting]:
    """Why a start with a checked configuration would be refused; paths are below ``router``. Connects to nothing.

    Args:
        router: the configuration.
        with_environment: whether the secrets that variables and files hold are there to be read.
    """
    from driftbell.alerting.channels.http import new_session

    async with new_session() as session:
        endpoints, found = _build(router, session, with_environment=with_environment)
        for endpoint in endpoints:
            await endpoint.channel.close()
    # A secret of ``global`` is missed by every channel that uses it, and is one mistake.
    return list(dict.fromkeys(one.setting for one in found))


def _build(
    router: RouterConfig, session: aiohttp.ClientSession, *, with_environment: bool = True
) -> tuple[list[Endpoint], list[Refusal]]:
    endpoints: list[Endpoint] = []
    found: list[Refusal] = []
    for number, each in enumerate(router.receivers):
        for kind in KINDS:
            for index, settings in enumerate(kind.settings_of(each)):
                if any(True for _ in kind.check(settings, router.global_)):
                    continue  # its own mistakes are reported by ``check``
                place = f"{each.name}/{kind.integration}[{index}]"
                path: Path = ("receivers", number, kind.key, index)
                context = BuildContext(session, router, place, path, with_environment)
                try:
                    channel = kind.build(settings, context)
                except RefusedError as error:
                    if not context.refusals:
                        context.refuse("", str(error), "correct it")
                else:
                    filled = kind.filled(settings, router.global_)
                    destination = _destination(kind, filled, each.name, place)
                    endpoints.append(Endpoint(destination, channel, *taken_apart(filled)))
                found += context.refusals
    named = identify([endpoint.destination for endpoint in endpoints])
    return [replace(one, destination=destination) for one, destination in zip(endpoints, named, strict=True)], found


def retired(record: KnownDestination, router: RouterConfig, session: aiohttp.ClientSession) -> Channel:
    """The channel of a destination that is remembered and not in the configuration ``router``."""

    def settled() -> tuple[ChannelKind[Any], ChannelConfig]:
        kind = next((one for one in KINDS if one.integration == record.integration), None)
        if kind is None or not record.settings:
            raise RefusedError("an older version did not keep its settings")
        try:
            return kind, put_together(record.settings, record.secrets, kind.settings)
        except ValueError as error:
            raise RefusedError("its settings are of another version") from error

    def check() -> None:
        kind, settings = settled()
        if identity_of(kind.integration, settings, kind.address(settings)) != record.address:
            raise RefusedError("its secret is gone, or leads to another place now")

    def build() -> Channel:
        kind, settings = settled()
        context = BuildContext(session, router, record.label)
        channel: Channel = kind.build(settings, context)
        if context.refusals:
            raise RefusedError("; ".join(map(str, context.refusals)))
        return channel

    return RetiredChannel(build, check)


def _destination(kind: ChannelKind[Any], filled: ChannelConfig, receiver: str, label: str) -> Destination:
    address = identity_of(kind.integration, filled, kind.address(filled))
    return Destination(
        id=address,
        receiver=receiver,
        integration=kind.integration,
        send_resolved=filled.send_resolved,
        label=label,
        address=address,
        settings=settings_digest(filled),
        for_people=kind.for_people,
        pages=kind.pages,
    )
