"""What a kind of channel is made of: the key and type of its settings, their check, and how a channel is built of them.

Nothing here needs a client library: the front door reads the settings of all channels for every command, and only the
router builds them. So ``build`` of each kind imports what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import RefusedError
from driftbell.runtime.config.router import ChannelConfig, Global, RouterConfig
from driftbell.runtime.config.rules import BadSetting

if TYPE_CHECKING:
    import aiohttp

    from driftbell.alerting.channels.channel import Channel
    from driftbell.alerting.rendering.templates import Template

S = TypeVar("S", bound=ChannelConfig)


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a channel is built with besides its own settings.

    Args:
        session: for requests; it belongs to the router.
        router: the whole configuration: ``global_`` has the defaults, ``external_url`` the router's address.
        place: the destination's id, ``oncall/slack[0]``, with which every refusal begins.
    """

    session: aiohttp.ClientSession
    router: RouterConfig
    place: str

    def template(self, source: str, key: str, escape: Callable[[str], str] = str) -> Template:
        """The compiled template of a key.

        Raises:
            RefusedError: it cannot work.
        """
        from driftbell.alerting.rendering.templates import Template

        return Template(source, f"{self.place}.{key}", escape)

    def optional_template(self, source: str | None, key: str, escape: Callable[[str], str] = str) -> Template | None:
        """As ``template``; None where the key is absent."""
        return None if source is None else self.template(source, key, escape)

    def readable(self, secret: SecretSource | None) -> SecretSource:
        """The secret, read once so that a missing one stops the start.

        Raises:
            SecretError: it cannot be read.
            RefusedError: none is configured.
        """
        if secret is None:
            raise RefusedError(f"{self.place}: no secret is configured")
        secret.read()
        return secret


@dataclass(frozen=True, slots=True)
class ChannelKind(Generic[S]):
    """One kind of channel.

    Args:
        integration: its name in destinations, metrics and logs: ``slack``.
        settings: one item of the list ``<integration>_configs`` of a receiver.
        check: what types cannot say; paths are keys and indices within the settings.
        build: makes the channel of checked settings; it raises ``RefusedError`` for what only shows now.
    """

    integration: str
    settings: type[S]
    check: Callable[[S, Global], Iterable[BadSetting]]
    build: Callable[[S, BuildContext], Channel]

    @property
    def key(self) -> str:
        """The key of a receiver under which its channels of this kind stand."""
        return f"{self.integration}_configs"

    def settings_of(self, receiver: Any) -> list[S]:
        """The settings of a receiver's channels of this kind."""
        found: list[S] = getattr(receiver, self.key)
        return found
