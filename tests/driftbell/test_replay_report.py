"""The report of a replay: every page once, with its end, whatever the order of revisions."""

from __future__ import annotations

import msgspec
import pytest

from driftbell.history import History
from driftbell.replay import Report, Watched, lines
from driftbell.replay.messages import Messages
from driftbell.runtime.config.router import Route, RouterConfig
from driftbell.schemas import Alert, Evidence, Metric, Status

START = "2023-11-14T22:13:20.000Z"
END = "2023-11-14T22:23:20.000Z"


def alert(status: Status, episode: int = 1, fingerprint: str = "aa", summary: str = "it broke") -> Alert:
    return Alert(
        id=f"{fingerprint}{episode}{status}",
        fingerprint=fingerprint,
        status=status,
        labels={"alertname": "Drift", "severity": "warning", "model": "fraud", "version": "3", "variant": "live"},
        annotations={"summary": summary},
        startsAt=START,
        endsAt=END if status == "resolved" else None,
        updatedAt=START,
        episode=episode,
        reason="because",
        evidence=Evidence(metric="psi"),
    )


def metric(window: int, revision: int, predictions: int, labels: int = 0, **values: float) -> Metric:
    return Metric(
        model="fraud",
        version="3",
        window_start=f"2023-11-14T22:1{window}:00.000Z",
        window_end=f"2023-11-14T22:1{window + 1}:00.000Z",
        revision=revision,
        predictions=predictions,
        labels=labels,
        values=values,
    )


def test_a_page_opens_and_closes_once() -> None:
    report = Report()

    assert report.add(alert("pending")) is None
    opened = report.add(alert("firing"))
    assert opened is not None
    assert opened.ended is None
    assert report.add(alert("firing", summary="worse")) is None
    closed = report.add(alert("resolved", summary="all well"))
    assert closed is not None
    assert closed.minutes == 10

    (episode,) = report.episodes
    assert (episode.summary, episode.ended) == ("it broke", END)


def test_what_never_fired_is_no_page() -> None:
    report = Report()
    report.add(alert("pending"))
    report.add(alert("resolved"))

    assert report.episodes == []


def test_each_episode_is_a_page_of_its_own() -> None:
    report = Report()
    for episode in (1, 2):
        report.add(alert("firing", episode))
        report.add(alert("resolved", episode))

    assert len(report.episodes) == 2


def test_the_latest_revision_of_a_window_counts() -> None:
    report = Report()
    report.add(metric(0, 1, predictions=100))
    report.add(metric(0, 3, predictions=100, labels=90, accuracy_score=0.9))
    report.add(metric(0, 2, predictions=100, labels=50, accuracy_score=0.5))
    report.add(metric(1, 1, predictions=40))

    first, second = report.rows("fraud", "3", "live")

    assert (first.predictions, first.labels, first.values) == (100, 90, {"accuracy_score": 0.9})
    assert second.predictions == 40


def test_the_text_lists_alerts_and_those_still_on() -> None:
    report = Report()
    report.add(alert("firing"))
    report.add(alert("resolved"))
    report.add(alert("firing", fingerprint="bb"))

    text = "\n".join(lines(report, History([]), 1.0))

    assert "2 alerts would have been raised, 1 of them still on at the end:" in text
    assert "    10 min  warning   Drift: it broke" in text
    assert "still on" in text


def watched(since_ms: int | None) -> Watched:
    return Watched(
        model="fraud",
        version="3",
        variant="live",
        predictions=3000,
        needed=5000,
        labels=0,
        labels_needed=1000,
        since_ms=since_ms,
        unwatched={"monotonic": ["id"]},
    )


def test_a_quiet_history_says_what_of_it_was_watched() -> None:
    text = "\n".join(lines(Report(), History([]), 1.0, [watched(1_700_000_000_000)]))

    assert "data and drift watched from 2023-11-14 22:13:20 on, against the first 5,000 predictions" in text
    assert "accuracy NOT WATCHED: no label met a prediction" in text
    assert "drift of id not watched: it only ever grows or falls" in text
    assert text.endswith("no alert would have been raised by what was watched")


def test_a_history_in_which_nothing_was_watched_does_not_reassure() -> None:
    text = "\n".join(lines(Report(), History([]), 1.0, [watched(None)]))

    assert "NOT WATCHED: too few predictions to learn what is normal (3,000 of 5,000 needed" in text
    assert text.endswith("so this file cannot say whether anything would have paged")


@pytest.mark.parametrize(("accuracy", "told"), [((0.0, 0.0), True), ((0.0, 0.01), False), ((), False)])
def test_predictions_of_which_none_was_right_are_called_a_mismatch_of_words(
    accuracy: tuple[float, ...], told: bool
) -> None:
    report = Report()
    for window, value in enumerate(accuracy):
        report.add(metric(window, 1, 1000, 1000, accuracy_score=value))
    one = msgspec.structs.replace(watched(1_700_000_000_000), labels=2000)

    text = "\n".join(lines(report, History([]), 1.0, [one]))

    assert ("NO PREDICTION WAS EVER RIGHT: are predictions and labels written alike?" in text) == told


def test_messages_are_counted_as_the_router_would_send_them() -> None:
    messages = Messages(RouterConfig(route=Route(receiver="oncall", group_by=["model"]), receivers=[]))
    report = Report(messages)
    for number in range(17):
        report.add(alert("firing", fingerprint=f"f{number}"))
    for number in range(17):
        report.add(msgspec.structs.replace(alert("resolved", fingerprint=f"f{number}"), updatedAt=END))
    report.finish()

    assert len(report.episodes) == 17
    assert (messages.opened["oncall"], messages.closed["oncall"], messages.total) == (1, 1, 2)
    text = "\n".join(lines(report, History([]), 1.0))
    assert "17 alerts would have been raised:" in text
    assert "that is 2 messages:" in text


def test_what_a_file_names_cannot_steer_the_terminal() -> None:
    report = Report()
    report.add(alert("firing", summary="evil\x1b[2J\r\nno alert would have been raised"))

    said = list(lines(report, History([]), 2.0))

    assert any(r"evil\x1b[2J\r\nno alert" in line for line in said)
    assert all(line.isprintable() for line in said)
