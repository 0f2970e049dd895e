"""The demo counts what the channels received, and nothing else."""

from __future__ import annotations

from driftbell.demo.pages import Channel, News, Page, Pages


class Bell:
    def __init__(self) -> None:
        self.now = 0.0
        self.pages = Pages(lambda: self.now)

    def news(self, kind: News) -> list[Page]:
        return [page for news, page in self.pages.take_news() if news is kind]


def test_a_page_is_opened_once_however_often_it_is_notified() -> None:
    bell = Bell()
    for _ in range(3):
        bell.pages.firing(Channel.SLACK, "1", "f7 is out of range")

    (page,) = bell.news(News.OPENED)
    assert page.updates == 2


def test_a_page_that_says_something_new_is_news_and_can_be_found_by_it() -> None:
    bell = Bell()
    bell.pages.firing(Channel.SLACK, "1", "f7 is out of range")
    bell.pages.firing(Channel.SLACK, "1", "error rate rose", "family=performance")
    bell.pages.firing(Channel.SLACK, "1", "error rate rose")

    (page,) = bell.news(News.CHANGED)
    assert (page.latest, page.updates) == ("error rate rose", 2)
    assert set(bell.pages.opened_since(0.0, "performance")) == {Channel.SLACK}


def test_a_close_belongs_to_the_channel_and_the_key() -> None:
    bell = Bell()
    bell.pages.firing(Channel.SLACK, "1", "drift")
    bell.pages.firing(Channel.EMAIL, "1", "drift")
    bell.now = 5.0
    bell.pages.resolved(Channel.SLACK, "1")
    bell.pages.resolved(Channel.SLACK, "1")
    bell.pages.resolved(Channel.PAGERDUTY, "1")

    assert [page.channel for page in bell.news(News.CLOSED)] == [Channel.SLACK]
    assert [page.channel for page in bell.pages.open] == [Channel.EMAIL]


def test_the_same_key_after_a_close_is_a_new_page() -> None:
    bell = Bell()
    bell.pages.firing(Channel.PAGERDUTY, "1", "drift")
    bell.pages.resolved(Channel.PAGERDUTY, "1")
    bell.pages.firing(Channel.PAGERDUTY, "1", "drift again")

    assert len(bell.news(News.OPENED)) == 2
    assert len(bell.pages.open) == 1


def test_pages_are_found_by_time_and_word() -> None:
    bell = Bell()
    bell.pages.firing(Channel.SLACK, "1", "false alarm about accuracy")
    bell.now = 10.0
    bell.pages.firing(Channel.SLACK, "2", "Accuracy fell")
    bell.pages.firing(Channel.EMAIL, "3", "f7 drifted")

    found = bell.pages.opened_since(10.0, "accuracy")

    assert {channel: page.key for channel, page in found.items()} == {Channel.SLACK: "2"}
