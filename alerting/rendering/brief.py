"""A message as a few lines of plain text: what a telephone shows, where a vendor takes a thousand characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from driftbell.alerting.rendering.message import Message
from driftbell.alerting.rendering.text import one_line, truncate, web_address

#: Characters of one line; a label's value may be a megabyte.
MAX_LINE = 300


def brief(message: Message, room: int, size: Callable[[str], int] = len) -> str:
    """The state, then the alerts with their facts, as many as there is room for, and how many more there are.

    Args:
        message: what to say; its subject is left out, it is the title.
        room: how much the text may measure.
        size: how the vendor measures: characters, or bytes.
    """
    total = len(message.items) + message.more
    # What says how many are missing must fit whatever goes before it.
    room -= size(_more(total)) + 1
    lines = [truncate(one_line(message.state), MAX_LINE)]
    shown = 0
    for item in message.items:
        facts = [f"{fact.name}: {truncate(one_line(fact.value), MAX_LINE)}" for fact in item.facts]
        if message.with_summaries or total > 1:
            facts.insert(
                0, f"{'FIRING' if item.firing else message.ended}: {truncate(one_line(item.summary), MAX_LINE)}"
            )
        kept = _fitting(lines, facts, room, size)
        if not kept:
            break
        lines += kept
        shown += 1
    if total > shown:
        lines.append(_more(total - shown))
    return "\n".join(lines)


def links(message: Message, longest: int) -> Iterator[tuple[str, str]]:
    """Name and address of what can be followed, the alerts' links before the router's; what is longer is left out."""
    named = [(fact.name, fact.value) for item in message.items for fact in item.facts if fact.link]
    for name, value in [*named, ("Router", message.link)]:
        href = web_address(value)
        if href is not None and len(href) <= longest:
            yield one_line(name), href


def _fitting(lines: list[str], facts: list[str], room: int, size: Callable[[str], int]) -> list[str]:
    """As many of the facts, in their order, as fit behind the lines."""
    used = size("\n".join(lines))
    kept: list[str] = []
    for fact in facts:
        used += 1 + size(fact)
        if used > room:
            break
        kept.append(fact)
    return kept


def _more(count: int) -> str:
    return f"and {count:,} more"
