"""What must not be in a message to Slack: markup that an event's text has made."""

from __future__ import annotations

import re
from typing import Any

#: In ``mrkdwn`` and ``text`` everything between angle brackets is a link, a mention or a command.
_MARKUP = re.compile(r"<[^>]*>")


def check_harmless(text: str, blocks: list[dict[str, Any]]) -> None:
    """Assert that untrusted text is text: nothing in angle brackets, links only to web addresses."""
    assert _MARKUP.findall(text) == []
    for node in _nodes(blocks):
        if node.get("type") == "mrkdwn":
            assert _MARKUP.findall(node["text"]) == []
        if node.get("type") == "link":
            assert re.match(r"https?://[^\s<>|]+$", node["url"]), node
        assert node.get("type") not in ("user", "usergroup", "broadcast", "channel")


def _nodes(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [node for one in value for node in _nodes(one)]
    if isinstance(value, dict):
        return [value] + [node for one in value.values() for node in _nodes(one)]
    return []
