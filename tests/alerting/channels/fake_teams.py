"""A fake of the webhook of a Teams workflow: the envelope, the Adaptive Card's rules as far as we use them, the size.

Contract: adaptivecards.io/schemas/adaptive-card.json (1.4) and learn.microsoft.com/connectors/teams. It refuses at once what
the real one takes with 202 and then fails to post.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from driftbell.fakes.server import FakeServer

#: learn.microsoft.com/connectors/teams, "message size limit".
MAX_BYTES = 28 * 1024

_STYLE = {"weight": {"Lighter", "Default", "Bolder"}, "size": {"Small", "Default", "Medium", "Large", "ExtraLarge"}}
_SPACING = {"None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"}
_KEYS = {
    "AdaptiveCard": {"$schema", "type", "version", "body", "actions", "msteams", "fallbackText"},
    "RichTextBlock": {"type", "inlines", "spacing", "separator"},
    "TextRun": {"type", "text", "weight", "size", "isSubtle", "selectAction"},
    "Action.OpenUrl": {"type", "title", "url"},
    "Image": {"type", "url", "altText"},
}


class Teams(FakeServer):
    """One workflow."""

    path = "/workflows/abc/triggers/manual/paths/invoke"
    signature = "SIGNATURE0123456789"

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[dict[str, Any]] = []
        self.refused: list[list[str]] = []

    @property
    def url(self) -> str:
        """What ``webhook_url`` must be; the signature in it is the password."""
        return f"{self.address}{self.path}?api-version=2016-06-01&sp=%2Ftriggers&sig={self.signature}"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(self.path, self._invoke)

    async def _invoke(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None:
            return reply
        if request.query.get("sig") != self.signature:
            return _error(401, "DirectApiAuthorizationRequired")
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            return _error(400, "InvalidRequestContent")
        found = list(problems(body, len(raw)))
        if found:
            self.refused.append(found)
            return _error(400, "BadRequest", "; ".join(found))
        self.cards.append(body["attachments"][0]["content"])
        return self.drop(request) if fault is not None else web.Response(status=202)


def problems(body: Any, size: int) -> Iterator[str]:
    """What a workflow, or Teams behind it, has against a request."""
    if size > MAX_BYTES:
        yield "Request Entity too large"
        return
    if not isinstance(body, dict) or body.keys() != {"type", "attachments"} or body["type"] != "message":
        yield "the body is no message with attachments"
        return
    for attachment in body["attachments"]:
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
            yield "an attachment is no card"
        if attachment.keys() - {"contentType", "contentUrl", "content"} or attachment.get("contentUrl") is not None:
            yield "an attachment has other fields"
        yield from _card(attachment.get("content"))


def texts(card: dict[str, Any]) -> str:
    """Everything that a reader of the card sees."""
    runs = [run["text"] for block in card["body"] for run in block.get("inlines", ())]
    links = [node["url"] for node in nodes(card) if node.get("type") == "Action.OpenUrl"]
    return "\n".join([*runs, *links])


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a card."""
    if isinstance(value, list):
        for one in value:
            yield from nodes(one)
    elif isinstance(value, dict):
        yield value
        for one in value.values():
            yield from nodes(one)


def _card(card: Any) -> Iterator[str]:
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard" or card.get("version") != "1.4":
        yield "type and version of the card"
        return
    if not card.get("body"):
        yield "the card is empty"
    for node in nodes({key: value for key, value in card.items() if key != "msteams"}):
        kind = node.get("type")
        allowed = _KEYS.get(str(kind))
        if allowed is None or node.keys() - allowed:
            yield f"{kind} is not known, or has unknown fields: {sorted(node)}"
        elif kind == "RichTextBlock" and not node.get("inlines"):
            yield "a text without runs"
        elif kind == "TextRun" and not isinstance(node.get("text"), str):
            yield "a run without text"
        elif kind == "Action.OpenUrl" and not str(node.get("url", "")).startswith(("https://", "http://")):
            yield "a link without an address"
        for name, values in _STYLE.items():
            if node.get(name, "Default") not in values:
                yield f"{name} {node[name]}"
        if node.get("spacing", "Default") not in _SPACING:
            yield f"spacing {node['spacing']}"


def _error(status: int, code: str, message: str = "") -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
