"""The files of the fake Slack: an address to send one to, the bytes, and the message that shares it.

Contract: docs.slack.dev/reference/methods/files.getUploadURLExternal and files.completeUploadExternal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Slack refuses larger files.
MAX_FILE_BYTES = 1024**3


@dataclass(slots=True)
class SlackFile:
    """One file; it is seen once it is shared."""

    name: str
    length: int
    content: bytes = b""
    title: str = ""
    channel: str = ""
    thread_ts: str = ""

    @property
    def shared(self) -> bool:
        """Whether people see it."""
        return bool(self.channel)


class SlackFiles:
    """All files of the workspace, by id."""

    def __init__(self) -> None:
        self.files: dict[str, SlackFile] = {}
        #: Whether the token has the scope files:write.
        self.may_write = True

    def promise(self, asked: dict[str, str], address: str) -> dict[str, Any]:
        """``files.getUploadURLExternal``."""
        if not self.may_write:
            return _error("missing_scope")
        length = asked.get("length", "")
        if not asked.get("filename") or not length.isdigit() or not 0 < int(length) <= MAX_FILE_BYTES:
            return _error("invalid_arguments")
        name = f"F{len(self.files):010}"
        self.files[name] = SlackFile(asked["filename"], int(length))
        return {"ok": True, "upload_url": f"{address}/upload/{name}", "file_id": name}

    def take(self, name: str, content: bytes) -> tuple[int, str]:
        """The bytes: status and text of the answer."""
        file = self.files.get(name)
        if file is None or file.content:
            return 404, "Not found"
        if len(content) != file.length:
            return 400, f"expected {file.length} bytes"
        file.content = content
        return 200, f"OK - {len(content)}"

    def share(self, body: dict[str, Any], is_message: Callable[[str, Any], bool]) -> dict[str, Any]:
        """``files.completeUploadExternal``."""
        if not self.may_write:
            return _error("missing_scope")
        channel, thread = str(body.get("channel_id", "")), body.get("thread_ts")
        if thread is not None and not is_message(channel, thread):
            return _error("invalid_thread_ts")
        found = [self.files.get(str(one.get("id"))) for one in body.get("files", [])]
        if not found or any(file is None or not file.content for file in found):
            return _error("file_not_found")
        for file, given in zip(found, body["files"], strict=True):
            assert file is not None
            file.title, file.channel, file.thread_ts = given.get("title", ""), channel, thread or ""
        return {"ok": True, "files": [{"id": one["id"]} for one in body["files"]]}


def _error(word: str) -> dict[str, Any]:
    return {"ok": False, "error": word}
