"""What reached the on-call person: the pages of all channels, as their services received them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass


class Channel(enum.StrEnum):
    """The channels of the demo."""

    SLACK = "Slack"
    PAGERDUTY = "PagerDuty"
    EMAIL = "email"


@dataclass(slots=True)
class Page:
    """One incident on one channel. Times are seconds of the demo's clock."""

    channel: Channel
    #: The channel's own name of the incident: dedup key, message timestamp, thread.
    key: str
    #: The page's sentence, and everything else that stands on it.
    text: str
    detail: str
    opened: float
    closed: float | None = None
    #: Times it was notified again while open.
    updates: int = 0
    #: What it says now.
    latest: str = ""
    #: What the page shows as a PNG; the latest while it is open.
    picture: bytes = b""

    def about(self, word: str) -> bool:
        """Whether the page names ``word``, or has since it was opened; all that a person could go by."""
        return word.lower() in f"{self.text}\n{self.detail}\n{self.latest}".lower()


class News(enum.StrEnum):
    """What became of a page."""

    OPENED = "opened"
    #: It says something else than before.
    CHANGED = "changed"
    CLOSED = "closed"


class Pages:
    """Collects what the channels receive."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._news: list[tuple[News, Page]] = []
        self._pages: dict[tuple[Channel, str, int], Page] = {}
        #: How many incidents of one key have been closed; the next trigger of that key opens a new one.
        self._generation: dict[tuple[Channel, str], int] = {}

    def __iter__(self) -> Iterator[Page]:
        return iter(self._pages.values())

    def firing(self, channel: Channel, key: str, text: str, detail: str = "", picture: bytes = b"") -> None:
        """The channel was told that something is wrong."""
        slot = (channel, key, self._generation.setdefault((channel, key), 0))
        page = self._pages.get(slot)
        if page is not None:
            page.updates += 1
            page.picture = picture or page.picture
            page.detail = f"{page.detail}\n{detail}"
            if text != page.latest:
                page.latest = text
                self._news.append((News.CHANGED, page))
            return
        page = self._pages[slot] = Page(channel, key, text, detail, self._now(), latest=text, picture=picture)
        self._news.append((News.OPENED, page))

    def resolved(self, channel: Channel, key: str) -> None:
        """The channel was told that it is over."""
        generation = self._generation.get((channel, key))
        page = None if generation is None else self._pages.get((channel, key, generation))
        if page is None or generation is None:
            return
        self._generation[channel, key] = generation + 1
        page.closed = self._now()
        self._news.append((News.CLOSED, page))

    def take_news(self) -> list[tuple[News, Page]]:
        """What happened since the last call. Asked for, not called back: a channel's server must not be what prints."""
        news, self._news = self._news, []
        return news

    def opened_since(self, moment: float, word: str = "") -> dict[Channel, Page]:
        """The first page per channel that was opened at or after ``moment`` and names ``word``."""
        found: dict[Channel, Page] = {}
        for page in self._pages.values():
            if page.opened >= moment and page.about(word):
                found.setdefault(page.channel, page)
        return found

    @property
    def open(self) -> list[Page]:
        """Pages that are not closed yet."""
        return [page for page in self._pages.values() if page.closed is None]
