"""What is taken out of a text before people see it: secrets, and every part of one that would open the door."""

from __future__ import annotations

import base64
import html
from urllib.parse import quote

import pytest

from driftbell.alerting.channels.http import HttpResponse, new_session, post
from driftbell.alerting.channels.secrets import redact
from driftbell.alerting.outbox.outcome import Outcome
from driftbell.fakes.faults import Fault
from driftbell.fakes.slack import Slack

URL = "https://hook%2Fuser:passw0rd@hooks.example.org:8443/services/T012/B0SECRET1/x+y/TOKENTOKEN?key=QUERYKEY&n=1#FRAGMENT"

#: Each alone, or with the rest of the address, lets its reader post in our name.
PARTS = [
    "/services/T012/B0SECRET1/x+y/TOKENTOKEN?key=QUERYKEY&n=1",
    "services/T012/B0SECRET1/x+y/TOKENTOKEN",
    "TOKENTOKEN",
    "B0SECRET1",
    "hook%2Fuser:passw0rd",
    "hook/user",
    "passw0rd",
    "key=QUERYKEY",
    "QUERYKEY",
    "FRAGMENT",
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "form",
    [
        str,
        str.lower,
        str.upper,
        quote,
        html.escape,
        lambda text: quote(text, safe=""),
        lambda text: text.replace("/", "\\/"),
        lambda text: base64.b64encode(text.encode()).decode(),
    ],
)
def test_no_part_of_a_secret_address_is_shown_in_any_form(part: str, form: object) -> None:
    echoed = form(part)  # type: ignore[operator]
    shown = redact(f"nothing at {echoed} here", (URL,))

    assert echoed not in shown
    assert "TOKENTOKEN" not in shown.upper() and "PASSW0RD" not in shown.upper()
    assert shown.startswith("nothing at") and shown.endswith("here")


def test_the_host_and_common_words_stay() -> None:
    text = "Cannot connect to host hooks.example.org:8443: no such hook, HTTP 404"
    assert redact(text, (URL, "https://example.org/hook")) == text


def test_a_short_or_odd_secret_is_no_error() -> None:
    assert redact("as it was", ("", "http://[broken", "x")) != ""


async def test_a_secret_at_the_cut_of_a_long_answer_is_not_shown_in_half() -> None:
    async with Slack() as fake, new_session() as session:
        secret = "SECRET" * 20
        fake.faults.add(Fault(status=500, body="." * 440 + secret))
        answer = await post(session, fake.webhook_url, b"{}", secrets=(secret,))

    assert isinstance(answer, HttpResponse)
    assert "SECRET" not in answer.text


@pytest.mark.parametrize("status", [404, 500])
async def test_a_server_that_repeats_the_path_tells_nobody_the_token(status: int) -> None:
    async with Slack() as fake, new_session() as session:
        fake.faults.add(Fault(status=status, body="Cannot POST /services/T0/B0/SECRETTOKEN?sig=OTHERSECRET"))
        url = f"{fake.address}/services/T0/B0/SECRETTOKEN?sig=OTHERSECRET"
        answer = await post(session, url, b"{}", secrets=(url,))

    assert not isinstance(answer, Outcome)
    assert "SECRET" not in answer.text and "Cannot POST" in answer.text
