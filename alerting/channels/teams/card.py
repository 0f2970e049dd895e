"""A message as an Adaptive Card, inside Teams' limit and without a way for an event's text to become markup.

Source: adaptivecards.io (schema 1.4), learn.microsoft.com/connectors/teams ("send messages as an adaptive card"). All text
stands in ``TextRun`` elements, which show it as it is; a ``TextBlock`` and a ``FactSet`` would read it as Markdown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from driftbell.alerting.rendering.brief import links
from driftbell.alerting.rendering.message import Fact, Item, Message
from driftbell.alerting.rendering.text import clean, one_line, truncate, web_address

#: learn.microsoft.com/connectors/teams, "message size limit": about 28 KB with all that Teams makes of the card. Senders saw
#: refusals from 21 KB on; ours stay well below.
MAX_CARD_BYTES = 16_000
#: A headline is two lines on a telephone.
MAX_TITLE = 300
#: A fact is one line; a label's value may be a megabyte.
MAX_FACT = 400
MAX_TEXT = 6_000
#: More buttons than these are folded into a menu by Teams.
MAX_ACTIONS = 6
#: A longer address alone would fill the card.
MAX_ADDRESS = 1_000

#: Shown before the headline, so that open and closed differ in a list of messages.
_MARKS = {True: "\N{LARGE RED CIRCLE}", False: "\N{WHITE HEAVY CHECK MARK}"}
#: Somebody has taken it on.
_TAKEN = "\N{LARGE YELLOW CIRCLE}"


def card(message: Message, *, title: str | None = None, text: str | None = None) -> dict[str, Any]:
    """The message with one card, as a workflow takes it.

    Args:
        message: what to say.
        title: replaces the headline.
        text: replaces the facts.
    """
    mark = _TAKEN if message.taken else _MARKS[not message.state.startswith("resolved")]
    head = one_line(message.subject if title is None else title) or "driftbell alert"
    body = [
        _block([_run(f"{mark} {truncate(head, MAX_TITLE)}", weight="Bolder", size="Large")]),
        _block([_run(truncate(one_line(message.state), MAX_FACT), isSubtle=True)]),
    ]
    actions: list[dict[str, Any]] = []
    if text is None:
        actions = _actions(message)
        body += _items(message, MAX_CARD_BYTES - _size(body) - _size(actions) - 1_000)
    else:
        # A line break is a block of its own: a run keeps none.
        lines = [line for line in clean(truncate(text, MAX_TEXT)).split("\n") if line.strip()]
        body += _within([_block([_run(line)]) for line in lines], MAX_CARD_BYTES - _size(body) - 1_000)
    return _envelope(body, actions)


def minimal_card(message: Message) -> dict[str, Any]:
    """The card that always works: two lines of text."""
    lines = (
        truncate(one_line(message.subject), MAX_TITLE) or "driftbell alert",
        truncate(one_line(message.state), 200),
    )
    return _envelope([_block([_run(line)]) for line in lines], [])


def _envelope(body: list[dict[str, Any]], actions: list[dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full"},
    }
    if actions:
        content["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _items(message: Message, room: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    shown = 0
    for item in message.items:
        made = _within(_item(item, with_summary=message.with_summaries), room - _size(blocks))
        if not made:
            break
        blocks += made
        shown += 1
    more = message.more + len(message.items) - shown
    if more:
        blocks.append(_block([_run(f"and {more:,} more", isSubtle=True)]))
    return blocks


def _item(item: Item, *, with_summary: bool) -> list[dict[str, Any]]:
    blocks = [_block([_run(f"{fact.name}: ", weight="Bolder"), _value(fact)], spacing="Small") for fact in item.facts]
    if with_summary:
        head = f"{_MARKS[item.firing]} {truncate(one_line(item.summary), MAX_FACT)}"
        blocks.insert(0, _block([_run(head, weight="Bolder")], separator=True))
    return blocks


def _value(fact: Fact) -> dict[str, Any]:
    shown = _run(truncate(one_line(fact.value), MAX_FACT))
    href = _address(fact.value) if fact.link else None
    return shown if href is None else shown | {"selectAction": {"type": "Action.OpenUrl", "url": href}}


def _actions(message: Message) -> list[dict[str, Any]]:
    """Buttons: the first runbook, the first source, and the router."""
    found: dict[str, str] = {}
    for name, href in links(message, MAX_ADDRESS):
        found.setdefault(name, href)
    return [{"type": "Action.OpenUrl", "title": name, "url": href} for name, href in found.items()][:MAX_ACTIONS]


def _address(text: str) -> str | None:
    href = web_address(text)
    return href if href is not None and len(href) <= MAX_ADDRESS else None


def _within(blocks: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for block in blocks:
        room -= _size(block) + 1
        if room < 0:
            break
        kept.append(block)
    return kept


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _block(inlines: list[dict[str, Any]], **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": inlines, **style}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
