"""What a partition does with odd input: each record is counted, set aside with its reason, or skipped; none is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from driftbell.runtime.config.model import Config, Monitoring, Reference, Worker
from driftbell.runtime.unreadable import Unreadable
from driftbell.schemas import Alert, DeadLetterReason
from driftbell.schemas.codec import decode_alert
from driftbell.streams.alerts.reasons import Loss
from driftbell.streams.errors import TooManyDeadLettersError
from driftbell.streams.records import Headers, Input, Output, Record
from tests.streams.partition.owner import Owner

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIMIT = 2000


def config(**worker: Any) -> Config:
    return Config(
        worker=Worker(**{"max_record_bytes": LIMIT, "max_models_per_partition": 3, **worker}),
        monitoring=Monitoring(reference=Reference(events=100)),
    )


def body(number: int = 0, **changes: Any) -> bytes:
    """A good prediction, but for the changes."""
    event = {
        "prediction_id": str(number),
        "model": "fraud",
        "version": "1",
        "timestamp": START_MS,
        "features": {"amount": 1.0},
        "prediction": True,
    }
    return json.dumps(event | changes).encode()


def topic(
    *values: bytes | None, headers: dict[int, Headers] | None = None, start: int = 0, gap_ms: int = 10
) -> list[Record]:
    """Records with these values, one every ``gap_ms``."""
    given = headers or {}
    return [
        Record(start + i, START_MS + (start + i) * gap_ms, value, b"fraud", given.get(i, ()))
        for i, value in enumerate(values)
    ]


def owner_of(
    predictions: Sequence[Record] = (), feedback: Sequence[Record] = (), settings: Config | None = None
) -> Owner:
    return Owner(settings or config(), {Input.PREDICTIONS: predictions, Input.FEEDBACK: feedback})


def finished(*given: Any, after_ms: int = 60_000) -> Owner:
    """All is read, and so much stream time has passed."""
    owner = owner_of(*given)
    owner.finish(START_MS + after_ms)
    return owner


def alerts(owner: Owner) -> list[Alert]:
    return [decode_alert(record.value) for record in owner.once(Output.ALERTS) if record.value is not None]


STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)

BAD: dict[DeadLetterReason, tuple[bytes, Headers]] = {
    DeadLetterReason.NOT_JSON: (b"{", ()),
    DeadLetterReason.WRONG_TYPE: (body(model=[3]), ()),
    DeadLetterReason.MISSING_FIELD: (b'{"model":"fraud"}', ()),
    DeadLetterReason.NOT_FINITE: (b'{"prediction_id":"1","model":"m","features":{"a":NaN}}', ()),
    DeadLetterReason.OUT_OF_RANGE: (b'{"prediction_id":"1","model":"m","label":1,"timestamp":1,"weight":-1}', ()),
    DeadLetterReason.TOO_MANY_ENTRIES: (body(tags={str(n): "" for n in range(101)}), ()),
    DeadLetterReason.TEXT_TOO_LONG: (body(features={"x" * 1025: 1}), ()),
    DeadLetterReason.TOO_LARGE: (body(prediction_id="x" * LIMIT), ()),
    DeadLetterReason.REGISTRY_FRAMED: (b"\x00\x00\x00\x00\x07\x06p-1", ()),
    DeadLetterReason.BAD_CLOUDEVENT: (body(), STRUCTURED),
    DeadLetterReason.BAD_TIMESTAMP: (body(timestamp="yesterday"), ()),
    DeadLetterReason.TIMESTAMP_IN_FUTURE: (body(timestamp=START_MS + DAY_MS), ()),
    DeadLetterReason.TIMESTAMP_TOO_OLD: (body(timestamp=START_MS - 31 * DAY_MS), ()),
    DeadLetterReason.EMPTY_IDENTIFIER: (body(prediction_id=" "), ()),
    DeadLetterReason.IDENTIFIER_TOO_LONG: (body(model="m" * 257), ()),
    DeadLetterReason.TOO_MANY_MODELS: (body(model="one-more"), ()),
    DeadLetterReason.UNREADABLE: (Unreadable(b"\x00\x01", "the record cannot be read"), ()),
}


def test_an_event_without_a_timestamp_happened_when_its_record_arrived() -> None:
    untimed = [json.dumps({**json.loads(body(number)), "timestamp": None}).encode() for number in range(3)]
    without = [
        json.dumps({k: v for k, v in json.loads(value).items() if k != "timestamp"}).encode() for value in untimed
    ]
    label = {"prediction_id": "1", "model": "fraud", "label": True}
    feedback = [Record(0, START_MS + 1000, json.dumps(label).encode(), b"fraud")]

    owner = finished(topic(*untimed, *without), feedback)

    assert not owner.letters
    assert owner.partition.counts["predictions"] == 6
    assert owner.partition.join_counts["joined"] == 1


def test_ids_that_one_service_writes_as_numbers_and_another_as_text_meet() -> None:
    predictions = [body(prediction_id=17), body(prediction_id="18")]
    labels = [
        {"prediction_id": "17", "model": "fraud", "label": True},
        {"prediction_id": 18, "model": "fraud", "label": 1},
    ]
    feedback = [Record(n, START_MS + 1000, json.dumps(one).encode(), b"fraud") for n, one in enumerate(labels)]

    owner = finished(topic(*predictions), feedback)

    assert not owner.letters
    assert owner.partition.join_counts["joined"] == 2


def test_every_reason_of_a_dead_letter_has_a_case() -> None:
    # Which record is poison is the owner's word: tests/streams/engine/test_set_aside.py.
    assert BAD.keys() == set(DeadLetterReason) - {DeadLetterReason.POISON_RECORD}


@pytest.mark.parametrize("reason", list(BAD))
def test_a_bad_record_is_set_aside_whole_with_its_reason_and_the_others_go_on(reason: DeadLetterReason) -> None:
    value, headers = BAD[reason]
    others = [body(1), body(2, model="second"), body(3, model="third")]
    source = Input.FEEDBACK if reason is DeadLetterReason.OUT_OF_RANGE else Input.PREDICTIONS
    bad = topic(value, headers={0: headers}, start=3)[0]
    predictions = topic(*others, *([] if source is Input.FEEDBACK else [value]), body(4), headers={3: headers})
    feedback = [Record(0, bad.timestamp, value, bad.key)] if source is Input.FEEDBACK else []
    owner = finished(predictions, feedback)

    (letter,) = owner.letters
    assert (letter.reason, letter.input, letter.value, letter.key) == (reason, source, value, b"fraud")
    assert letter.offset == (0 if source is Input.FEEDBACK else 3)
    assert letter.headers == headers
    assert letter.detail
    assert owner.partition.counts["predictions"] == 4
    assert owner.partition.counts[f"dead_letters_{reason.value}"] == 1
    assert owner.saved.offsets["predictions"] == len(predictions)


def test_labels_are_looked_at_as_closely_as_predictions() -> None:
    label = {"prediction_id": "1", "model": "fraud", "label": True, "timestamp": START_MS}
    values = [
        json.dumps(label | changes).encode()
        for changes in (
            {},
            {"timestamp": START_MS + DAY_MS},
            {"timestamp": START_MS - 31 * DAY_MS},
            {"timestamp": "now"},
            {"label": None},
        )
    ]
    owner = finished(topic(body(1)), topic(*values, None))

    assert [letter.reason for letter in owner.letters] == [
        DeadLetterReason.TIMESTAMP_IN_FUTURE,
        DeadLetterReason.TIMESTAMP_TOO_OLD,
        DeadLetterReason.BAD_TIMESTAMP,
        DeadLetterReason.WRONG_TYPE,
    ]
    assert [letter.detail.split("lies ")[1] for letter in owner.letters[:2]] == [
        "1 d after its record's",
        "31 d before its record's",
    ]
    assert owner.partition.counts["labels"] == owner.partition.join_counts["joined"] == 1
    assert owner.partition.counts["tombstones"] == 1


def test_an_event_as_old_or_as_new_as_allowed_is_good() -> None:
    worker = Worker()
    oldest, newest = START_MS - round(worker.max_age * 1000), START_MS + round(worker.max_future * 1000)
    owner = finished(topic(body(1, timestamp=oldest), body(2, timestamp=newest), gap_ms=0))

    assert owner.letters == []
    assert owner.partition.counts["predictions"] == 2


def test_a_time_in_text_is_the_same_time() -> None:
    owner = finished(topic(body(1, timestamp="2023-11-14T22:13:20Z"), body(2, timestamp=float(START_MS))))

    assert owner.letters == []
    assert owner.partition.counts["predictions"] == 2


def test_tombstones_are_counted_and_neither_events_nor_dead_letters() -> None:
    owner = finished(topic(None, body(1), None), topic(None))

    assert owner.partition.counts["tombstones"] == 3
    assert owner.partition.counts["predictions"] == 1
    assert owner.letters == []
    assert owner.saved.offsets == {"predictions": 3, "feedback": 1}


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 100])
def test_bad_records_in_a_row_are_counted_alike_however_they_are_cut(cut: int) -> None:
    values = [b"{", b"{", body(1), b"{", None, b"{", body(2), b"{"]
    owner = owner_of(topic(*values, gap_ms=0))
    while owner.fetch(Input.PREDICTIONS, cut):
        owner.partition.advance_watermark(Input.FEEDBACK, START_MS + 100)
        owner.run()
    in_a_row = owner.partition._decoder.bad_in_a_row
    owner.finish(START_MS + 5000)
    owner.restart()

    assert in_a_row == owner.partition._decoder.bad_in_a_row == 1


def test_a_good_record_in_time_keeps_the_worker_going() -> None:
    values = [b"{", b"{", body(1)] * 5
    owner = finished(topic(*values), (), config(max_consecutive_dead_letters=3))

    assert len(owner.letters) == 10


def test_nothing_but_bad_records_stops_even_across_restarts() -> None:
    owner = owner_of(topic(*[b"{"] * 10), (), config(max_consecutive_dead_letters=5))
    for source, count in ((Input.PREDICTIONS, 3), (Input.FEEDBACK, 0)):
        owner.fetch(source, count)
        owner.partition.advance_watermark(source, START_MS + 5000)
    owner.run(save=True)
    owner.restart()

    with pytest.raises(
        TooManyDeadLettersError, match=r"5 bad records in a row in predictions \[0\], .* offset 4: not_json"
    ):
        owner.finish(START_MS + 60_000)


def test_what_the_checkpoint_counts_is_skipped_also_in_the_middle_of_a_chunk() -> None:
    records = topic(*(body(i) for i in range(10)))
    owner = owner_of(records)
    owner.partition.push(Input.PREDICTIONS, records[:6])
    owner.partition.push(Input.PREDICTIONS, records[2:])

    assert owner.partition.skipped_replay == 4
    owner.finish(START_MS + 60_000)
    assert owner.partition.counts["predictions"] == 10


def test_jumps_in_the_offsets_are_legal_and_counted() -> None:
    records = [r._replace(offset=r.offset * 3) for r in topic(body(1), body(2))]
    owner = owner_of()
    owner.partition.begin_at(Input.PREDICTIONS, 0)
    for record in records:
        owner.partition.push(Input.PREDICTIONS, [record])
    for source in Input:
        owner.partition.advance_watermark(source, START_MS + 5000)
    owner.run(save=True)

    assert owner.partition.offset_gaps == 1
    assert owner.saved.offsets["predictions"] == 4


def test_an_input_that_begins_late_is_no_gap() -> None:
    owner = owner_of()
    owner.partition.begin_at(Input.PREDICTIONS, 500)
    owner.partition.push(Input.PREDICTIONS, topic(body(1), start=500))

    assert owner.partition.offset_gaps == 0


def drifting(model: str = "fraud", count: int = 600, **changes: Any) -> list[bytes]:
    """Events of a model whose one feature moves after half of them."""
    rng = random.Random(model)
    return [
        body(i, model=model, features={"amount": rng.gauss(0, 1) + 9 * (i > count / 2)}, **changes)
        for i in range(count)
    ]


def test_the_trace_of_the_event_that_raised_an_alert_is_in_the_alert() -> None:
    values = drifting()
    traces: dict[int, Headers] = {
        i: (("traceparent", f"00-{i + 1:032x}-{i + 1:016x}-01".encode()),) for i in range(len(values))
    }
    fired = [alert for alert in alerts(finished(topic(*values, headers=traces))) if alert.status == "firing"]

    assert fired
    for alert in fired:
        assert alert.traceparent is not None
        number = int(alert.traceparent.split("-")[1], 16) - 1
        assert 300 < number < 600, "of an event that came after the change"


def test_the_fired_alert_is_active_and_its_end_is_a_tombstone() -> None:
    owner = finished(topic(*drifting()), after_ms=10_000)
    firing = {alert.fingerprint.encode() for alert in owner.partition.active_alerts()}

    assert firing
    assert owner.active().keys() == firing
    forgetful = Owner(config(forget_models_after=20.0), owner.inputs)
    forgetful.finish(START_MS + 60_000)
    assert forgetful.active() == {}
    assert forgetful.partition.active_alerts() == []


def test_a_forgotten_model_that_comes_back_gets_alerts_with_new_ids() -> None:
    values = drifting()
    again_ms = 120_000
    records = topic(*values)
    again = [r._replace(offset=r.offset + len(values), timestamp=r.timestamp + again_ms) for r in topic(*values)]
    owner = owner_of([*records, *again], (), config(forget_models_after=20.0))
    owner.finish(START_MS + 2 * again_ms)
    told = alerts(owner)
    fired = [alert for alert in told if alert.status == "firing" and alert.labels["alertname"] == "FeatureDrift"]
    assert owner.partition.counts["fired_distribution_moved"] == len(fired)

    assert len(fired) == 2
    assert fired[0].fingerprint == fired[1].fingerprint
    assert fired[0].episode < fired[1].episode
    assert len({alert.id for alert in told}) == len(told)
    assert owner.partition.models == {}
    assert owner.saved.models == {}


def test_room_is_made_by_forgetting() -> None:
    early = topic(*(body(i, model=f"model-{i}") for i in range(3)))
    late = [r._replace(timestamp=r.timestamp + 60_000) for r in topic(body(9, model="new"), start=3)]
    owner = finished([*early, *late], (), config(forget_models_after=20.0), after_ms=61_000)

    assert owner.letters == []
    assert set(owner.partition.models) == {"new"}
    assert set(owner.saved.models) == {"new"}


@pytest.mark.parametrize("reason", list(Loss))
def test_lost_input_is_told_once_survives_a_restart_and_closes(reason: Loss) -> None:
    records = [r._replace(offset=r.offset + 500) for r in topic(*(body(i) for i in range(5)))]
    owner = owner_of()
    owner.partition.lost_input(Input.PREDICTIONS, 100, 500, reason)
    owner.partition.push(Input.PREDICTIONS, records)
    for source in Input:
        owner.partition.advance_watermark(source, START_MS + 5000)
    owner.run(save=True)
    owner.restart()
    (active,) = owner.partition.active_alerts()
    for source in Input:
        owner.partition.advance_watermark(source, START_MS + 20 * 60_000)
    owner.run(save=True)

    assert active.reason == "fired"
    assert active.labels["alertname"] == "InputLost"
    assert active.labels["model"] == "driftbell"
    assert [alert.status for alert in alerts(owner)] == ["firing", "resolved"]
    assert owner.saved.offsets["predictions"] == 505


def test_stream_time_goes_on_without_events_only_where_something_is_due() -> None:
    owner = owner_of(topic(body(1)))
    owner.finish(START_MS + 5000)

    assert owner.partition.wants_tick
    assert not owner_of().partition.wants_tick
    steps = 0
    for source in Input:
        owner.partition.advance_watermark(source, START_MS + 3_600_000)
    while owner.step():
        steps += 1
    assert steps < 100, "an hour of nothing is not 3,600 ticks"
