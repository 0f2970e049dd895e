"""As much of PromQL as it takes to see which metrics, labels and label values an expression speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Names that Prometheus itself makes.
PROMETHEUS_OWN = {"up", "ALERTS"}
#: Labels that Prometheus adds to what it scrapes.
TARGET_LABELS = {"job", "instance"}

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_DURATION = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_WORDS = {
    *("by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"),
    *("sum", "max", "min", "avg", "count", "group", "rate", "increase", "delta", "deriv", "absent", "vector"),
    *("histogram_quantile", "max_over_time", "min_over_time"),
}


@dataclass(frozen=True)
class Matcher:
    """``name{label op "value"}``."""

    name: str
    label: str
    operator: str
    value: str


def names(expression: str) -> set[str]:
    """Every metric that an expression names."""
    bare = _DURATION.sub("", _STRING.sub('""', expression))
    bare = re.sub(r"\{[^}]*\}", "", _GROUPING.sub("", bare))
    return {name for name in _NAME.findall(bare) if name not in _WORDS and not re.fullmatch(r"e\d+", name)}


def matchers(expression: str) -> Iterator[Matcher]:
    """Every condition on a label."""
    for name, inside in _SELECTOR.findall(expression):
        for label, operator, value in _MATCHER.findall(inside):
            yield Matcher(name, label, operator, value)


def grouping_labels(expression: str) -> set[str]:
    """Every label that something is grouped by or joined on."""
    return {
        label.strip() for _, inside in _GROUPING.findall(expression) for label in inside.split(",") if label.strip()
    }
