"""The configuration in force, as YAML that would load again, without its secrets."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from msgspec import inspect

from driftbell.runtime.config.address import hide_secrets
from driftbell.runtime.config.duration import format_duration
from driftbell.runtime.config.model import Config, Monitoring
from driftbell.runtime.config.section import HIDDEN, Section
from driftbell.runtime.kafka.names import SECRETS


def show(config: Config, *, secrets: bool = False) -> str:
    """Every key with its value in force. Secrets read ``<secret>`` unless ``secrets`` is true."""
    shown = _shown(config, inspect.type_info(type(config)), secrets)
    for name, overrides in config.models.items():
        shown["models"][name] = _shown(overrides, inspect.type_info(Monitoring), secrets)
    if not secrets:
        shown["kafka"] = {name: HIDDEN if name in SECRETS else value for name, value in shown["kafka"].items()}
    text: str = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120)
    return text


def shown(section: Section) -> dict[str, Any]:
    """One section as plain data without its secrets, at whatever depth they stand."""
    found: dict[str, Any] = _shown(section, inspect.type_info(type(section)), False)
    return found


def _shown(value: Any, kind: inspect.Type, secrets: bool) -> Any:
    if value is None:
        return None
    match kind:
        case inspect.Metadata():
            form = (kind.extra_json_schema or {}).get("format")
            if form == "duration":
                return format_duration(value)
            if form == "password" and not secrets:
                return HIDDEN
            return _shown(value, kind.type, secrets)
        case inspect.UnionType():
            # Unions of the model are "or nothing", or scalars that are shown as they are.
            others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            return _shown(value, others[0] if len(others) == 1 else inspect.AnyType(), secrets)
        case inspect.StructType() if isinstance(value, msgspec.Struct):
            # By its own type: a receiver may have settings of channels that the section's type does not know.
            own = msgspec.structs.fields(type(value))
            named = {field.name: (field.encode_name, inspect.type_info(field.type)) for field in own}
            return {key: _shown(getattr(value, name), below, secrets) for name, (key, below) in named.items()}
        case inspect.StructType():
            types = {field.encode_name: field.type for field in kind.fields}
            return {key: _shown(item, types[key], secrets) for key, item in value.items()}
        case inspect.DictType():
            return {key: _shown(item, kind.value_type, secrets) for key, item in value.items()}
        case inspect.ListType():
            return [_shown(item, kind.item_type, secrets) for item in value]
        case _:
            plain = msgspec.to_builtins(value)
            return hide_secrets(plain) if isinstance(plain, str) and not secrets else plain
