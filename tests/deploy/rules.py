"""The rule files of deploy/prometheus, read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """Every rule, recording and alerting."""
    return tuple(
        rule
        for file in RULE_FILES
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    )


def recorded() -> dict[str, str]:
    """Recorded series -> expression."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def alerts() -> dict[str, dict[str, Any]]:
    """Alert -> rule."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}
