"""Signatures: what a vendor's own library signs is believed, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.inbound.signature import SLACK_SECONDS, SignatureReason, of_pagerduty, of_slack
from tests.alerting.inbound.people import SIGNING_SECRET, pagerduty_request, slack_request

SECRET = SecretSource("signing_secret", SIGNING_SECRET)
NOW = 1_795_528_800.0


def slack(body: bytes, headers: dict[str, str], now: float = NOW, secret: SecretSource = SECRET) -> SignatureReason:
    return of_slack(secret, body, headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"], now)


def test_the_example_of_slacks_documentation() -> None:
    """docs.slack.dev/authentication/verifying-requests-from-slack."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
        b"foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
        b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
        b"47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"

    assert of_slack(SECRET, body, "1531420618", signature, 1531420618.0) is SignatureReason.VALID
    assert of_slack(SECRET, body + b"&", "1531420618", signature, 1531420618.0) is SignatureReason.WRONG


def test_what_slacks_library_signs_is_believed_for_five_minutes() -> None:
    body, headers = slack_request({"type": "block_actions"}, at=NOW)

    assert slack(body, headers) is SignatureReason.VALID
    assert slack(body, headers, NOW + SLACK_SECONDS) is SignatureReason.VALID
    assert slack(body, headers, NOW + SLACK_SECONDS + 1) is SignatureReason.STALE
    assert slack(body, headers, NOW - SLACK_SECONDS - 1) is SignatureReason.STALE
    assert slack(body, headers, secret=SecretSource("s", "another")) is SignatureReason.WRONG
    assert slack(body, {**headers, "X-Slack-Request-Timestamp": str(int(NOW) + 1)}) is SignatureReason.WRONG
    assert slack(body, {**headers, "X-Slack-Signature": ""}) is SignatureReason.MISSING


def test_one_right_signature_of_pagerdutys_is_enough_while_a_secret_is_rotated(tmp_path: Path) -> None:
    body, headers = pagerduty_request({"event": {}}, "old", "new")
    both = headers["X-PagerDuty-Signature"]
    file = tmp_path / "secrets"
    file.write_text("older\nnew\n")

    for secret in ("old", "new"):
        assert of_pagerduty(SecretSource("s", secret), body, both) is SignatureReason.VALID
    assert of_pagerduty(SecretSource("s", file=str(file)), body, both) is SignatureReason.VALID
    assert of_pagerduty(SecretSource("s", "older"), body, both) is SignatureReason.WRONG
    assert of_pagerduty(SecretSource("s", "new"), body + b" ", both) is SignatureReason.WRONG
    assert of_pagerduty(SecretSource("s", "new"), body, "") is SignatureReason.MISSING
    assert of_pagerduty(SecretSource("s", file="/nowhere"), body, both) is SignatureReason.SECRET_MISSING


@given(st.binary(max_size=100), st.text(max_size=80), st.text(max_size=200))
def test_nothing_that_is_made_up_is_believed_or_fails(body: bytes, timestamp: str, signature: str) -> None:
    assert of_slack(SECRET, body, timestamp, signature, time.time()) is not SignatureReason.VALID
    assert of_pagerduty(SECRET, body, signature) in (SignatureReason.WRONG, SignatureReason.MISSING)


@pytest.mark.parametrize("timestamp", ["-1", "1e9", "١٢٣", "9" * 400, "1531420618.0"])
def test_a_timestamp_that_is_no_whole_number_is_refused(timestamp: str) -> None:
    assert of_slack(SECRET, b"", timestamp, "v0=00", NOW) is SignatureReason.WRONG
