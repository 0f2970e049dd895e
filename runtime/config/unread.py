"""Environment variables that look like settings and are read by nothing, so that a slip in a name is never silent.

``DRIFTBELL_<SECTION>__<KEY>`` is always a setting, and a mistake where there is none (``environment``). What has no ``__`` may
be anything: a service link of Kubernetes, a secret that the file names as ``${DRIFTBELL_...}``. Only where slips explain it as
a setting is it a mistake; the rest is told, and the start goes on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import inspect

from driftbell.runtime.config.environment import PREFIX, SEPARATOR, inner
from driftbell.runtime.config.nearest import nearest
from driftbell.runtime.config.section import Section
from driftbell.runtime.kafka.names import FILE_SUFFIX, KNOWN, SECRETS

#: What is read elsewhere than in the configuration.
_READ = frozenset({"DRIFTBELL_CONFIG", "DRIFTBELL_CRASH_AT"})
_OURS = ("DRIFTBELL_DEV_", "DRIFTBELL_TEST_")
#: Kubernetes gives every pod the addresses of the services beside it: those of a service "driftbell" begin as settings do.
_SERVICE_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")
_FIRST = PREFIX.rstrip("_")


def meant(name: str, model: type[Section]) -> str | None:
    """The variable that sets what ``name`` was probably meant to set; None where slips do not explain it.

    Args:
        name: of a variable that sets nothing.
        model: the configuration.
    """
    first, found, rest = name.upper().replace("-", "_").replace(".", "_").partition("_")
    # A beginning (DRIFT_) is another product's.
    if not found or len(first) < len(_FIRST) - 1 or nearest(first, [_FIRST]) is None:
        return None
    # How many underscores stand between two steps is what people forget first.
    settings = {_single(one): one for one in _settings(inspect.type_info(model))}
    plain = _single(rest)
    if plain in settings:
        return PREFIX + settings[plain]
    # Two slips, in the first word and in the rest, are too much to believe.
    close = nearest(plain, settings) if first == _FIRST else None
    return PREFIX + settings[close] if close else None


def unread(
    variables: Mapping[str, str], named: Collection[str], model: type[Section]
) -> Iterator[tuple[str, str | None]]:
    """Yield (name, ``meant``) of each variable that looks like one of ours and is read by nothing, sorted.

    Args:
        variables: the environment.
        named: variables that the file names.
        model: the configuration.
    """
    for name in sorted(variables):
        ours = name.startswith(PREFIX)
        if name in _READ or name in named or name.startswith(_OURS) or (ours and SEPARATOR in name):
            continue
        if _SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(variables[name])):
            continue
        if ours:
            yield name, meant(name, model)
        elif name[:1] in "Dd" and (setting := meant(name, model)):
            yield name, setting


def named_in(root: Any) -> Iterator[str]:
    """The variables that a configuration names as the value of a key ``..._env``."""
    if isinstance(root, dict):
        for key, value in root.items():
            if isinstance(value, str) and isinstance(key, str) and key.endswith("_env"):
                yield value
            yield from named_in(value)
    elif isinstance(root, list):
        for value in root:
            yield from named_in(value)


def _settings(kind: inspect.Type, at: str = "") -> Iterator[str]:
    """Every variable that sets one key, without the prefix; mappings whose keys people choose end there."""
    kind = inner(kind)
    if at == "KAFKA":
        for name in KNOWN:
            yield f"{at}{SEPARATOR}{name.upper().replace('.', '_')}"
        for name in SECRETS:
            yield f"{at}{SEPARATOR}{name.upper().replace('.', '_')}{FILE_SUFFIX.upper()}"
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            step = field.encode_name.upper()
            yield from _settings(field.type, f"{at}{SEPARATOR}{step}" if at else step)
    elif SEPARATOR in at:
        yield at


def _single(name: str) -> str:
    return re.sub("_+", "_", name).strip("_")
