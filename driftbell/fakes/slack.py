"""A fake of Slack: incoming webhooks with their text errors, and five methods of the Web API.

Contract: docs.slack.dev (messaging/sending-messages-using-incoming-webhooks, reference/methods/chat.postMessage,
    chat.update, conversations.history, reference/block-kit/blocks).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from driftbell.fakes.server import FakeServer
from driftbell.fakes.slack_blocks import problem_of
from driftbell.fakes.slack_files import SlackFiles

#: chat.update refuses longer texts, chat.postMessage cuts at 40,000.
MAX_UPDATE_TEXT_BYTES = 4_000
MAX_TEXT = 40_000

#: The webhook and the token that the fake knows.
WEBHOOK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TOKEN = "xoxb-demo"  # noqa: S105 - of a fake


#: Methods that read no JSON.
_FORMS = ("conversations.history", "files.getUploadURLExternal")


@dataclass(slots=True)
class SlackMessage:
    """One message as it stands in the channel now."""

    channel: str
    ts: str
    at: float
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None = None
    broadcast: bool = False
    edits: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    #: ``webhook`` or ``api``.
    by: str = "api"

    @property
    def everything(self) -> str:
        """All text that a reader sees."""
        return "\n".join([self.text, *_texts(self.blocks)])


@dataclass(frozen=True, slots=True)
class Call:
    """One request, with what it was answered: ``ok``, Slack's error word, or ``fault``."""

    at: float
    method: str
    arguments: Any
    result: str


class Slack(FakeServer):
    """The fake workspace.

    Args:
        on_message: called with ``posted`` or ``edited`` and the message, as it happens.
        channels: the channels that exist; None means that any does.
        token: the bot token that is valid.
    """

    def __init__(
        self,
        on_message: Callable[[str, SlackMessage], None] | None = None,
        channels: set[str] | None = None,
        token: str = TOKEN,
    ) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.messages: list[SlackMessage] = []
        self._on_message = on_message
        self._channels = channels
        self._token = token
        self._last_ts = 0
        self.files = SlackFiles()
        #: Whether the token has the scope channels:history.
        self.may_read = True

    @property
    def webhook_url(self) -> str:
        """What ``api_url`` must be."""
        return f"{self.address}{WEBHOOK_PATH}"

    @property
    def api_url(self) -> str:
        """What ``web_api_url`` must be."""
        return f"{self.address}/api/"

    @property
    def roots(self) -> list[SlackMessage]:
        """Messages that are not replies in a thread."""
        return [message for message in self.messages if message.thread_ts is None]

    def replies(self, root: SlackMessage) -> list[SlackMessage]:
        """The thread of a message."""
        return [message for message in self.messages if message.thread_ts == root.ts]

    def add_routes(self, app: web.Application) -> None:
        """See ``FakeServer``."""
        app.router.add_post("/services/{tail:.*}", self._webhook)
        app.router.add_post("/api/{method}", self._api)
        app.router.add_post("/upload/{name}", self._upload)

    async def _webhook(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        body = _json(await request.read())
        if reply is not None:
            self.calls.append(Call(time.time(), "webhook", body, "fault"))
            return reply
        status, word = 200, "ok"
        if request.path != WEBHOOK_PATH:
            status, word = 404, "no_service"
        elif not isinstance(body, dict):
            status, word = 400, "invalid_payload"
        elif not body.get("text") and not body.get("blocks"):
            status, word = 400, "no_text"
        elif problem_of(body.get("blocks", [])):
            status, word = 400, "invalid_blocks"
        self.calls.append(Call(time.time(), "webhook", body, word))
        if word == "ok":
            self._post("C-WEBHOOK", body, by="webhook")
        if fault is not None:
            return self.drop(request)
        return web.Response(status=status, text=word)

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        fault, reply = await self.fault(request)
        raw = await request.read()
        body = dict(parse_qsl(raw.decode())) if method in _FORMS else _json(raw)
        if reply is not None:
            self.calls.append(Call(time.time(), method, body, "fault"))
            return reply
        answer = self._answer(method, request, body)
        self.calls.append(Call(time.time(), method, body, "ok" if answer["ok"] else answer["error"]))
        if fault is not None:
            return self.drop(request)
        return web.json_response(answer)

    async def _upload(self, request: web.Request) -> web.Response:
        fault, reply = await self.fault(request)
        if reply is not None or fault is not None:
            return reply or self.drop(request)
        status, text = self.files.take(request.match_info["name"], await request.read())
        self.calls.append(Call(time.time(), "upload", None, "ok" if status == 200 else text))
        return web.Response(status=status, text=text)

    def _answer(self, method: str, request: web.Request, body: Any) -> dict[str, Any]:
        authorization = request.headers.get("Authorization", "")
        if not authorization.startswith("Bearer "):
            return _error("not_authed")
        if authorization.removeprefix("Bearer ") != self._token:
            return _error("invalid_auth")
        if method == "conversations.history":
            return self._history(body)
        if method == "files.getUploadURLExternal":
            return self.files.promise(body, self.address)
        if request.content_type != "application/json" or not isinstance(body, dict):
            return _error("invalid_post_type" if request.content_type != "application/json" else "invalid_json")
        if method == "files.completeUploadExternal":
            return self.files.share(body, lambda channel, ts: self._find(channel, ts) is not None)
        if method not in ("chat.postMessage", "chat.update"):
            return _error("unknown_method")
        channel = body.get("channel")
        if not isinstance(channel, str) or (self._channels is not None and channel not in self._channels):
            return _error("channel_not_found")
        if not body.get("text") and not body.get("blocks"):
            return _error("no_text")
        problem = problem_of(body.get("blocks", []))
        if problem:
            return _error("msg_blocks_too_long" if problem == "too long" else "invalid_blocks")
        return self._update(body) if method == "chat.update" else self._post_message(body)

    def _history(self, asked: dict[str, str]) -> dict[str, Any]:
        """The newest first, without replies; metadata only for those who ask for it."""
        if not self.may_read:
            return _error("missing_scope")
        if self._channels is not None and asked.get("channel") not in self._channels:
            return _error("channel_not_found")
        shown = []
        for message in reversed(self.roots):
            if message.channel == asked.get("channel") and float(message.ts) > float(asked.get("oldest", 0)):
                about = {"metadata": message.metadata} if asked.get("include_all_metadata") == "true" else {}
                shown.append({"type": "message", "ts": message.ts, "text": message.text, **about})
        limit = int(asked.get("limit", 100))
        return {"ok": True, "messages": shown[:limit], "has_more": len(shown) > limit}

    def _post_message(self, body: dict[str, Any]) -> dict[str, Any]:
        thread = body.get("thread_ts")
        if thread is not None and self._find(body["channel"], thread) is None:
            return _error("thread_not_found")
        message = self._post(body["channel"], body, by="api")
        shown = {"text": message.text, "blocks": message.blocks, "ts": message.ts}
        return {"ok": True, "channel": message.channel, "ts": message.ts, "message": shown}

    def _update(self, body: dict[str, Any]) -> dict[str, Any]:
        message = self._find(body["channel"], body.get("ts"))
        if message is None:
            return _error("message_not_found")
        if len(body.get("text", "").encode()) > MAX_UPDATE_TEXT_BYTES:
            return _error("msg_too_long")
        message.text = body.get("text", message.text)
        # Text without blocks removes the old blocks.
        message.blocks = body.get("blocks", [] if "text" in body else message.blocks)
        message.metadata = body.get("metadata", message.metadata)
        message.edits += 1
        self._tell("edited", message)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text}

    def _post(self, channel: str, body: dict[str, Any], by: str) -> SlackMessage:
        now = time.time()
        self._last_ts = max(self._last_ts + 1, round(now * 1_000_000))
        message = SlackMessage(
            channel=channel,
            ts=f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}",
            at=now,
            text=body.get("text", "")[:MAX_TEXT],
            blocks=body.get("blocks", []),
            thread_ts=body.get("thread_ts"),
            broadcast=bool(body.get("reply_broadcast")),
            metadata=body.get("metadata", {}),
            by=by,
        )
        self.messages.append(message)
        self._tell("posted", message)
        return message

    def _find(self, channel: str, ts: Any) -> SlackMessage | None:
        return next((one for one in self.messages if one.channel == channel and one.ts == ts), None)

    def _tell(self, what: str, message: SlackMessage) -> None:
        if self._on_message is not None:
            self._on_message(what, message)


def _error(word: str) -> dict[str, Any]:
    return {"ok": False, "error": word}


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for one in node for text in _texts(one)]
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [text for key, one in node.items() if key != "text" or not own for text in _texts(one)]
    return []
