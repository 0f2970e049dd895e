"""The configuration's model with the settings of channels in it, which only the room that has the channels knows.

``runtime`` must not import ``alerting``; so a channel's settings are handed to the loader, and come out typed, checked,
shown and with their secrets known like any other section.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import ChannelConfig, Receiver, RouterConfig
from driftbell.runtime.config.rules import BadSetting
from driftbell.runtime.config.section import Section

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Model:
    """Subclasses of the sections whose receivers have a list of settings per kind of channel, and the settings' check."""

    config: type[Config]
    router: type[RouterConfig]
    receiver: type[Receiver]
    #: Yields what is wrong with the settings of channels; paths are below ``router``.
    check: Callable[[RouterConfig], Iterable[BadSetting]]


def with_channels(
    settings: Mapping[str, type[ChannelConfig]], check: Callable[[RouterConfig], Iterable[BadSetting]]
) -> Model:
    """The model for these kinds of channels: key in the file (``slack_configs``) to the section of one of its items.

    The same kinds give the same types, so that configurations can be compared.
    """
    return Model(*_sections(tuple(settings.items())), check)


@functools.cache
def _sections(
    settings: tuple[tuple[str, type[ChannelConfig]], ...],
) -> tuple[type[Config], type[RouterConfig], type[Receiver]]:
    lists: list[Any] = [(key, list[kind], msgspec.field(default_factory=list)) for key, kind in settings]  # type: ignore[valid-type]
    receiver = _subclass(Receiver, lists)
    router = _subclass(RouterConfig, [("receivers", list[receiver], msgspec.field(default_factory=list))])  # type: ignore[valid-type]
    config = _subclass(Config, [("router", router, msgspec.field(default_factory=router))])
    return config, router, receiver


def _subclass(section: type[S], fields: list[Any]) -> type[S]:
    """The section with fields added, or replaced in their places."""
    made = msgspec.defstruct(
        section.__name__,
        fields,
        bases=(section,),
        namespace={"__doc__": section.__doc__},
        module=section.__module__,
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    # Without it a subclass of msgspec would take the generated ``repr``, which shows secrets.
    assert made.__repr__ is Section.__repr__
    return made  # type: ignore[return-value]
