"""The contract files as the tests read them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

NAMES = ("prediction", "feedback", "alert", "metric", "dead-letter")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_rfc3339(value: object) -> bool:
    """Strict RFC 3339, written from the standard's grammar and not from our parser."""
    if not isinstance(value, str):
        return True
    return _RFC3339.fullmatch(value) is not None and datetime.fromisoformat(value.upper()).tzinfo is not None


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of ``name``, from the package's data."""
    loaded: dict[str, Any] = json.loads(resources.files("schemas").joinpath(f"jsonschema/{name}.v1.json").read_text())
    return loaded


@cache
def validator(name: str, *, formats: bool = True) -> Draft202012Validator:
    """The oracle: jsonschema's validator, which checks ``date-time`` as well if ``formats``."""
    return Draft202012Validator(schema(name), format_checker=_formats if formats else None)
