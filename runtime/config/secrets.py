"""Every secret value a configuration holds or points to, so that logs can be kept clean of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from driftbell.runtime.config.address import secrets_in
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.section import Section, secret_fields
from driftbell.runtime.kafka.names import FILE_SUFFIX, SECRETS


def secret_values(config: Config, env: Mapping[str, str] | None = None) -> frozenset[str]:
    """The secrets themselves: given directly, by ``*_file``, by ``*_env``, or inside an address.

    A file that cannot be read has no secret to hide; that it is missing is reported where it is used.
    """
    env = os.environ if env is None else env
    found = {value for value in _of_section(config, env) if value}
    for name, value in config.kafka.items():
        if name in SECRETS:
            found.add(str(value))
        elif name.endswith(FILE_SUFFIX) and name.removesuffix(FILE_SUFFIX) in SECRETS:
            found.add(_content(str(value)))
    for address in (config.redis.url, *map(str, config.kafka.values())):
        found.update(secrets_in(address))
    return frozenset(found - {""})


def _of_section(section: Section, env: Mapping[str, str]) -> Iterator[str]:
    secret = secret_fields(type(section))
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, str):
            if name in secret:
                yield value
            elif name.endswith("_file") and name.removesuffix("_file") in secret:
                yield _content(value)
            elif name.endswith("_env") and name.removesuffix("_env") in secret:
                yield env.get(value, "")
        else:
            yield from _of_value(value, env)


def _of_value(value: Any, env: Mapping[str, str]) -> Iterator[str]:
    if isinstance(value, Section):
        yield from _of_section(value, env)
    elif isinstance(value, list):
        for item in value:
            yield from _of_value(item, env)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _of_value(item, env)
    elif isinstance(value, msgspec.Struct):
        raise TypeError(f"{type(value).__name__} is no Section, so its secrets are not known")


def _content(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
