"""What is not watched and what a reference lacks, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: By reason (``streams.reference.Unwatched``).
WHY_NOT: Final = {
    "high_cardinality": "too many distinct values, so it is an identifier rather than a category",
    "monotonic": "it only ever grows or falls, as a counter or a time does",
    "calendar": "it is the date of the events, which never comes again",
    "too_few_values": "too few values in the reference",
    "mixed_types": "values of several types",
    "too_many_features": "beyond `monitoring.reference.max_features`",
    "appeared_later": "it came after the reference was learned; `monitoring.reference.new_features: relearn` learns it",
}

#: By caveat (``streams.reference.Caveat``).
NOT_TYPICAL: Final = {
    "too_small": "fewer than 1,000 predictions, so only large changes are seen; raise `monitoring.reference.events`",
    "shorter_than_a_day": "less than a day of events, so what changes with the hour looks like a change; raise "
    "`monitoring.reference.events`",
    "not_settled": "a number was not the same in both halves of it",
}

#: So many names are listed after one reason.
_MOST_NAMES = 10


def by_reason(unwatched: Mapping[str, str]) -> dict[str, list[str]]:
    """Names by reason, both sorted, from reasons by name."""
    found: dict[str, list[str]] = {}
    for name, why in sorted(unwatched.items(), key=lambda item: (item[1], item[0])):
        found.setdefault(why, []).append(name)
    return found


def not_watched_line(why: str, names: list[str]) -> str:
    """Which features are not watched for drift, and why not."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"drift of {', '.join(names[:_MOST_NAMES])}{more} not watched: {WHY_NOT.get(why, why)}"


def not_typical_line(caveat: str) -> str:
    """Why what was learned may not be what is normal."""
    return f"what was learned may not be typical: {NOT_TYPICAL.get(caveat, caveat)}"
