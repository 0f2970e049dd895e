"""What a kind of channel is made of: the key and type of its settings, their check, and how a channel is built of them.

Nothing here needs a client library: the front door reads the settings of all channels for every command, and only the
router builds them. So ``build`` of each kind imports what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from driftbell.alerting.channels.address import Address
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.errors import RefusedError, SecretError
from driftbell.runtime.config.document import Path
from driftbell.runtime.config.router import ChannelConfig, Global, RouterConfig
from driftbell.runtime.config.rules import BadSetting, http_url

if TYPE_CHECKING:
    import aiohttp

    from driftbell.alerting.channels.channel import Channel
    from driftbell.alerting.rendering.templates import Template

S = TypeVar("S", bound=ChannelConfig)


#: Stands for a secret that is missing or is not to be read, so that the rest of a channel is checked all the same.
_NO_SECRET: Final = "unknown"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Refusal:
    """One setting with which a channel cannot be built.

    Args:
        place: the destination's id, ``oncall/slack[0]``; ``global`` for what all receivers share.
        setting: what is wrong, where (below ``router``), and the fix.
        error: the error of a start.
    """

    place: str
    setting: BadSetting
    error: type[RefusedError]

    def __str__(self) -> str:
        """As a start that is refused says it."""
        return f"{self.place}: {self.setting.message}; {self.setting.fix}"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a channel is built with besides its own settings.

    What is refused is collected, so that all mistakes are seen at once; a channel for which there is any is not used.

    Args:
        session: for requests; it belongs to the router.
        router: the whole configuration: ``global_`` has the defaults, ``external_url`` the router's address.
        place: the destination's id, ``oncall/slack[0]``.
        path: where the channel's settings stand below ``router``.
        with_environment: whether variables and files are read. Not where a configuration is only checked, on a machine that
            has none of them.
    """

    session: aiohttp.ClientSession
    router: RouterConfig
    place: str
    path: Path = ()
    with_environment: bool = True
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, key: str, message: str, fix: str) -> None:
        """The setting ``key`` (``headers.Bcc`` for one of a mapping) cannot work."""
        where = (*self.path, *key.split(".", 1)) if key else self.path
        place = f"{self.place}.{key}" if key else self.place
        self.refusals.append(Refusal(place, BadSetting(where, message, fix), RefusedError))

    def template(self, source: str, key: str, escape: Callable[[str], str] = str) -> Template:
        """The compiled template of a key; an empty one where it is refused."""
        from driftbell.alerting.rendering.templates import Template

        place = f"{self.place}.{key}"
        try:
            return Template(source, place, escape)
        except RefusedError as error:
            told = str(error).removeprefix(f"template {place}: ")
            self.refuse(key, f"the template fails: {told}", "correct it (docs/routing.md has what a template may use)")
            return Template("", place, escape)

    def optional_template(self, source: str | None, key: str, escape: Callable[[str], str] = str) -> Template | None:
        """As ``template``; None where the key is absent."""
        return None if source is None else self.template(source, key, escape)

    def readable(self, secret: SecretSource | None) -> SecretSource:
        """The secret, read once so that a missing one stops the start."""
        if secret is None:
            self.refuse("", "no secret is configured", "give it in the file, by *_file or by *_env")
            return SecretSource("none", _NO_SECRET)
        if secret.value is None and not self.with_environment:
            return SecretSource(secret.name, _NO_SECRET)
        try:
            secret.read()
        except SecretError as error:
            fix = "set it for the router" if secret.variable is not None else "put the secret there"
            self._refuse_secret(secret, str(error), fix, SecretError)
            return SecretSource(secret.name, _NO_SECRET)
        return secret

    def web_address(self, secret: SecretSource | None) -> SecretSource:
        """As ``readable``, for a secret that is a URL; one in the file itself was judged by the check of the settings."""
        found = self.readable(secret)
        if found.value is None:
            self.examine(found, lambda url: http_url(url, ()))
        return found

    def examine(self, secret: SecretSource, check: Callable[[str], Iterable[BadSetting]]) -> None:
        """Refuse a secret whose value cannot work, in words without it; what was not read is not judged."""
        if secret.value is _NO_SECRET:
            return
        try:
            value = secret.read()
        except SecretError:
            return  # It went away since it was read: the channel says so when it sends.
        for wrong in check(value):
            self._refuse_secret(secret, wrong.message, wrong.fix, RefusedError)

    def _refuse_secret(self, secret: SecretSource, message: str, fix: str, error: type[RefusedError]) -> None:
        above, place = (("global",), "global") if secret.is_global else (self.path, self.place)
        self.refusals.append(Refusal(f"{place}.{secret.key}", BadSetting((*above, secret.key), message, fix), error))


def unfilled(settings: S, defaults: Global) -> S:
    """Of a kind that takes nothing from ``global``."""
    return settings


@dataclass(frozen=True, slots=True)
class ChannelKind(Generic[S]):
    """One kind of channel.

    Args:
        integration: its name in destinations, metrics and logs: ``slack``.
        settings: one item of the list ``<integration>_configs`` of a receiver.
        check: what types cannot say; paths are keys and indices within the settings.
        build: makes the channel of checked settings. What only shows now is refused through the context; it raises
            ``RefusedError`` where there can be no channel at all.
        address: of filled settings, what makes the place another place: what is open there can be closed nowhere else. What
            may change while the place stays (tokens, mentions, templates) is left out.
        for_people: whether people read there; programs are told everything, also of thousands of incidents.
        filled: the settings with what they take from ``global``, so that they can be kept alone.
        pages: whether it may be relied upon for what must wake somebody: only then is it a fallback of others.
    """

    integration: str
    settings: type[S]
    check: Callable[[S, Global], Iterable[BadSetting]]
    build: Callable[[S, BuildContext], Channel]
    address: Callable[[S], Address]
    filled: Callable[[S, Global], S] = unfilled
    for_people: bool = True
    pages: bool = True

    @property
    def key(self) -> str:
        """The key of a receiver under which its channels of this kind stand."""
        return f"{self.integration}_configs"

    def settings_of(self, receiver: Any) -> list[S]:
        """The settings of a receiver's channels of this kind."""
        found: list[S] = getattr(receiver, self.key)
        return found
