"""Block Kit's limits, checked as Slack checks them (docs.slack.dev/reference/block-kit/blocks)."""

from __future__ import annotations

from typing import Any

MAX_BLOCKS = 50
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_FIELDS = 10
MAX_FIELD = 2_000
MAX_CONTEXT_ELEMENTS = 10
MAX_URL = 3_000
MAX_ACTIONS = 25
MAX_BUTTON = 75
MAX_VALUE = 2_000
MAX_ID = 255
#: Not documented: ``msg_blocks_too_long`` comes near 12,000 to 13,000 characters.
MAX_CHARACTERS = 12_000


def problem_of(blocks: Any) -> str | None:
    """What is wrong with a message's blocks; ``too long`` for all of them together; None when nothing is."""
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS:
        return "no list of at most 50 blocks"
    for block in blocks:
        if not isinstance(block, dict):
            return "a block is not an object"
        check = _CHECKS.get(block.get("type", ""))
        if check is None:
            return f"unknown block type {block.get('type')!r}"
        found = check(block)
        if found:
            return f"{block['type']}: {found}"
    return "too long" if _characters(blocks) > MAX_CHARACTERS else None


def _header(block: dict[str, Any]) -> str | None:
    return _text(block.get("text"), MAX_HEADER, {"plain_text"})


def _section(block: dict[str, Any]) -> str | None:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        return "neither text nor fields"
    if len(fields) > MAX_FIELDS:
        return "too many fields"
    checks = [_text(block["text"], MAX_SECTION, _BOTH)] if "text" in block else []
    checks += [_text(field, MAX_FIELD, _BOTH) for field in fields]
    return next(filter(None, checks), None)


def _context(block: dict[str, Any]) -> str | None:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= MAX_CONTEXT_ELEMENTS:
        return "no or too many elements"
    return next(filter(None, (_text(element, MAX_SECTION, _BOTH) for element in elements)), None)


def _rich_text(block: dict[str, Any]) -> str | None:
    for section in block.get("elements") or [None]:
        if not isinstance(section, dict) or section.get("type") not in _RICH_SECTIONS:
            return "an element is no section, list, quote or preformatted text"
        for element in section.get("elements") or [None]:
            if not isinstance(element, dict) or element.get("type") not in _RICH_ELEMENTS:
                return "unknown rich text element"
            if element["type"] == "text" and not element.get("text"):
                return "an empty text element"
            if element["type"] == "link" and not 0 < len(element.get("url", "")) <= MAX_URL:
                return "a link without or with too long a url"
    return None


def _actions(block: dict[str, Any]) -> str | None:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= MAX_ACTIONS:
        return "no or too many elements"
    if len({element.get("action_id") for element in elements}) < len(elements):
        return "an action_id is there twice"
    if len(block.get("block_id", "")) > MAX_ID:
        return "too long a block_id"
    for element in elements:
        if element.get("type") != "button" or not 0 < len(element.get("action_id", "")) <= MAX_ID:
            return "an element is no button with an action_id"
        if len(element.get("value", "")) > MAX_VALUE:
            return "too long a value"
        found = _text(element.get("text"), MAX_BUTTON, {"plain_text"})
        if found:
            return found
    return None


def _divider(block: dict[str, Any]) -> str | None:
    return None


_BOTH = {"plain_text", "mrkdwn"}
_RICH_SECTIONS = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}
_RICH_ELEMENTS = {"text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"}
_CHECKS = {
    "actions": _actions,
    "header": _header,
    "section": _section,
    "context": _context,
    "rich_text": _rich_text,
    "divider": _divider,
}


def _text(text: Any, limit: int, types: set[str]) -> str | None:
    if not isinstance(text, dict) or text.get("type") not in types:
        return "no text object"
    value = text.get("text")
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        return f"text is empty or longer than {limit}"
    if text["type"] == "mrkdwn" and "emoji" in text:
        return "emoji is for plain_text"
    return None


def _characters(node: Any) -> int:
    if isinstance(node, str):
        return len(node)
    if isinstance(node, list):
        return sum(map(_characters, node))
    if isinstance(node, dict):
        return sum(_characters(value) for key, value in node.items() if key in ("text", "url", "elements", "fields"))
    return 0
