"""What vendors answer and send is read in one way, and none of it raises: also what is nested beyond all depth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from driftbell import alerting
from driftbell.alerting.channels.http import HttpResponse
from driftbell.alerting.channels.ntfy import ntfy
from driftbell.alerting.channels.pushover import pushover
from driftbell.alerting.channels.slack import api
from driftbell.alerting.channels.teams import teams
from driftbell.alerting.foreign_json import ForeignJsonError, decode_foreign
from driftbell.alerting.inbound import pagerduty_events, slack_actions
from driftbell.alerting.inbound.asked import NotUnderstoodError
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason

DEPTH = 100_000
DEEP = [b"[" * DEPTH, b'{"error":' * DEPTH, b'{"id":' + b"[" * DEPTH + b"]" * DEPTH + b"}"]
NOT_JSON = [*DEEP, b"", b"\xff\xfe", b'"\\ud800', b"<html>", b"[]", b"1e999", b"null"]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
@pytest.mark.parametrize(
    ("judge", "status", "reason"),
    [
        (ntfy.judge, 200, OutcomeReason.CLIENT_ERROR),
        (pushover.judge, 200, OutcomeReason.CLIENT_ERROR),
        (api.judge, 200, OutcomeReason.NO_ANSWER),
        (teams.judge, 404, OutcomeReason.DESTINATION_GONE),
    ],
)
def test_an_answer_that_is_not_the_vendors_json_is_judged(
    judge: Callable[[HttpResponse], Outcome], status: int, reason: OutcomeReason, body: bytes
) -> None:
    assert judge(HttpResponse(status, "", body=body)).reason is reason


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_a_vendor_sends_is_refused(body: bytes) -> None:
    assert api.own_message(body, "1") is None
    with pytest.raises(ForeignJsonError):
        decode_foreign(body, int)
    for asked in (lambda: pagerduty_events.asked(body, 0), lambda: slack_actions.asked(body)):
        with pytest.raises(NotUnderstoodError):
            asked()


def test_json_of_others_is_read_nowhere_else() -> None:
    own = {"foreign_json.py", "kept.py", "body.py"}  # the last two: what we wrote ourselves, and Go's way of reading
    folder = Path(alerting.__file__).resolve().parent
    found = {path.name for path in folder.rglob("*.py") if "json.decode(" in path.read_text(encoding="utf-8")}

    assert found == own
