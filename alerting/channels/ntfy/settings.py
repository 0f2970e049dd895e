"""ntfy's settings in a receiver, and their check."""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Secret

#: docs.ntfy.sh/publish, and ``topicRegex`` of its server.
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
#: Tags travel in one header, divided by commas.
_TAG = re.compile(r"[A-Za-z0-9_+.:-]{1,64}")
MAX_TAGS = 10


class NtfyConfig(ChannelConfig, frozen=True):
    """ntfy: push messages to telephones, by a server of one's own or ntfy.sh."""

    server: str = "https://ntfy.sh"
    #: On a server without accounts whoever knows the topic reads it: it is a secret.
    topic: Secret | None = None
    topic_file: str | None = None
    topic_env: str | None = None
    #: Access token (`tk_...`); or `username` and `password`.
    token: Secret | None = None
    token_file: str | None = None
    token_env: str | None = None
    username: str | None = None
    password: Secret | None = None
    password_file: str | None = None
    password_env: str | None = None
    #: Jinja2; 1 to 5, 5 being the loudest. Absent: by severity, and lower for what is no call.
    priority: str | None = None
    #: Shown beside the severity's; names of emoji become emoji.
    tags: list[str] = []
    #: Address of the page that a tap opens; absent: the runbook, else the router.
    click: str | None = None
    #: Address of a PNG or JPEG.
    icon: str | None = None
    #: Jinja2 over the notification; absent: driftbell's own message.
    title: str | None = None
    message: str | None = None


def check(ntfy: NtfyConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    yield from one_form(ntfy, ("topic", "token", "password"))
    for key in ("server", "click", "icon"):
        yield from http_url(getattr(ntfy, key), (key,))
    if not is_given(ntfy, "topic"):
        yield BadSetting((), "ntfy has no topic", "add topic, topic_file or topic_env")
    if is_given(ntfy, "token") and (ntfy.username is not None or is_given(ntfy, "password")):
        yield BadSetting((), "both a token and a password are given", "keep token, or username and password")
    if (ntfy.username is not None) != is_given(ntfy, "password"):
        yield BadSetting((), "username and password are needed together", "add the other, or remove both")
    if len(ntfy.tags) > MAX_TAGS:
        yield BadSetting(("tags",), f"there are {len(ntfy.tags)} tags", f"keep {MAX_TAGS} at most")
    for index, tag in enumerate(ntfy.tags):
        if _TAG.fullmatch(tag) is None:
            yield BadSetting(("tags", index), f"{tag!r} is not a tag", "use letters, digits, and _ + . : -")


def topic_problems(topic: str) -> Iterator[BadSetting]:
    """What is wrong with a topic, in words without it."""
    if _TOPIC.fullmatch(topic) is None:
        yield BadSetting(
            (), "a topic has 1 to 64 letters, digits, _ and -, this has another form", "give the topic's name alone"
        )
