"""The report of a replay: every page once, with its end, whatever the order of revisions."""

from __future__ import annotations

from driftbell.history import History
from driftbell.replay import Report, lines
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

    window = report.models["fraud", "3", "live"]

    assert (window.predictions, window.labels) == (100, 90)
    assert window.values == {"accuracy_score": 0.9}


def test_without_labels_the_last_window_is_shown() -> None:
    report = Report()
    report.add(metric(0, 1, predictions=100))
    report.add(metric(1, 1, predictions=40))

    assert report.models["fraud", "3", "live"].predictions == 40


def test_the_text_lists_pages_and_those_still_open() -> None:
    report = Report()
    report.add(alert("firing"))
    report.add(alert("resolved"))
    report.add(alert("firing", fingerprint="bb"))

    text = "\n".join(lines(report, History([]), 1.0))

    assert "2 pages would have been sent, 1 still open at the end:" in text
    assert "    10 min  warning   Drift: it broke" in text
    assert "still open" in text


def test_a_quiet_history_says_so() -> None:
    assert list(lines(Report(), History([]), 1.0))[-1] == "nothing would have paged"
