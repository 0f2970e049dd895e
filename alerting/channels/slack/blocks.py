"""A message as Slack's Block Kit, inside its limits and without a way for an event's text to become markup.

Untrusted text stands only in ``plain_text`` objects and ``rich_text`` elements, where Slack interprets nothing, or is
escaped (docs.slack.dev/messaging/formatting-message-text: ``&``, ``<`` and ``>``, nothing else can be).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftbell.alerting.rendering.message import Fact, Item, Message
from driftbell.alerting.rendering.text import clean, one_line, truncate, truncate_bytes, web_address

#: docs.slack.dev/reference/block-kit/blocks/header-block: 150 characters.
MAX_HEADER = 150
#: docs.slack.dev/reference/block-kit/blocks/section-block: 3000 characters of text.
MAX_SECTION = 3000
#: docs.slack.dev/reference/block-kit/blocks: 50 blocks in a message; ours stay well below.
MAX_BLOCKS = 40
#: Not documented: ``msg_blocks_too_long`` comes near 12,000 to 13,000 characters of all blocks together
#: (github.com/slackapi/bolt-js/issues/2509).
MAX_BLOCK_CHARACTERS = 9_000
#: chat.update refuses a ``text`` above 4,000 bytes, counted after escaping.
MAX_TEXT_BYTES = 3_900
#: A fact is one line on a telephone; a label value may be a megabyte.
MAX_FACT = 400

#: Shown before the headline, so that open and closed differ in a list of messages.
_MARKS = {True: "\N{LARGE RED CIRCLE}", False: "\N{WHITE HEAVY CHECK MARK}"}
#: Somebody has taken it on.
_TAKEN = "\N{LARGE YELLOW CIRCLE}"


def escape(text: str) -> str:
    """Escape text for ``mrkdwn`` and for the ``text`` argument: no mention, no link can come out of it."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render(
    message: Message, *, mentions: Sequence[str] = (), title: str | None = None, text: str | None = None
) -> dict[str, Any]:
    """The ``text`` (for notifications and old clients) and ``blocks`` of a message.

    Args:
        message: what to say.
        mentions: Slack's own syntax, from the configuration; they are put in front.
        title: replaces the headline; plain.
        text: replaces the facts; ``mrkdwn`` whose values are escaped.
    """
    resolved = message.state.startswith("resolved")
    head = one_line(message.subject if title is None else title) or "driftbell alert"
    called = " ".join(mentions)
    mark = _TAKEN if message.taken else _MARKS[not resolved]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(f"{mark} {head}", MAX_HEADER)},
        {"type": "context", "elements": [_plain(one_line(message.state), MAX_SECTION)]},
    ]
    if called:
        blocks.insert(1, mention_block(mentions))
    if text is not None:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": truncate(text, MAX_SECTION) or " "}})
    else:
        blocks += _items(message)
    state = escape(truncate(one_line(message.status), 200))
    fallback = f"{escape(truncate(head, 1000))} ({state})"
    return {"text": truncate_bytes(f"{called} {fallback}".strip(), MAX_TEXT_BYTES), "blocks": blocks[:MAX_BLOCKS]}


def render_minimal(message: Message) -> dict[str, Any]:
    """The minimal message: text only, no blocks that could be refused, and no markup (``chat.postMessage``, ``mrkdwn``)."""
    line = f"{truncate(one_line(message.subject), 500)} ({truncate(one_line(message.state), 200)})"
    return {"text": truncate_bytes(escape(line), MAX_TEXT_BYTES), "mrkdwn": False}


def as_edit(content: dict[str, Any]) -> dict[str, Any]:
    """The same for ``chat.update``, which knows no ``mrkdwn``: text that must not be markup is a plain block."""
    if "mrkdwn" not in content:
        return content
    text = content["text"].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return {"text": content["text"], "blocks": [plain_block(text)]}


def plain_block(text: str) -> dict[str, Any]:
    """A block in which nothing is markup."""
    return {"type": "section", "text": _plain(text, MAX_SECTION)}


def mention_block(mentions: Sequence[str]) -> dict[str, Any]:
    """A block that calls those whom the configuration names."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": " ".join(mentions)}}


def _items(message: Message) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    left = MAX_BLOCK_CHARACTERS
    shown = 0
    for item in message.items:
        block, size = _item(item, with_summary=message.with_summaries)
        if size > left:
            break
        left -= size
        shown += 1
        blocks.append(block)
    more = message.more + len(message.items) - shown
    if more:
        blocks.append({"type": "context", "elements": [_plain(f"and {more:,} more", MAX_SECTION)]})
    href = web_address(message.link)
    if href:
        blocks.append({"type": "rich_text", "elements": [_section([_link(href, "Router")])]})
    return blocks


def _item(item: Item, *, with_summary: bool) -> tuple[dict[str, Any], int]:
    elements: list[dict[str, Any]] = []
    if with_summary:
        elements.append(_text(f"{_MARKS[item.firing]} {truncate(one_line(item.summary), MAX_FACT)}\n", bold=True))
    for fact in item.facts:
        elements += _fact(fact)
    size = sum(len(element["text"]) + len(element.get("url", "")) for element in elements)
    return {"type": "rich_text", "elements": [_section(elements)]}, size


def _fact(fact: Fact) -> list[dict[str, Any]]:
    href = web_address(fact.value) if fact.link else None
    name = _text(f"{fact.name}: ", bold=True)
    if href:
        return [name, _link(href, truncate(href, MAX_FACT)), _text("\n")]
    return [name, _text(truncate(one_line(fact.value), MAX_FACT) + "\n")]


def _section(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": elements}


def _text(text: str, *, bold: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": {"bold": True}} if bold else {})}


def _link(href: str, text: str) -> dict[str, Any]:
    return {"type": "link", "url": href, "text": text}


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": truncate(text, limit), "emoji": False}
