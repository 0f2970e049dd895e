"""The rules of W3C Trace Context."""

from __future__ import annotations

import pytest

from driftbell.schemas.trace import TraceParent, parse_traceparent, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{PARENT}-01"


def test_a_traceparent_is_read_and_written_again() -> None:
    parsed = parse_traceparent(GOOD)

    assert parsed == TraceParent(TRACE, PARENT, 1)
    assert parsed.sampled
    assert str(parsed) == GOOD


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert str(parse_traceparent(f"cc-{TRACE}-{PARENT}-00-what-the-future-brings")) == f"00-{TRACE}-{PARENT}-00"
    assert not parse_traceparent(f"cc-{TRACE}-{PARENT}-00").sampled


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "lower-case hex"),
        (GOOD.upper(), "lower-case hex"),
        (f"ff-{TRACE}-{PARENT}-01", "version ff"),
        (f"00-{TRACE}-{PARENT}-01-more", "four fields"),
        (f"00-{TRACE}-{PARENT}-01-", "four fields"),
        (f"cc-{TRACE}-{PARENT}-01more", "lower-case hex"),
        (f"00-{'0' * 32}-{PARENT}-01", "trace id is all zeros"),
        (f"00-{TRACE}-{'0' * 16}-01", "parent id is all zeros"),
        (f"00-{TRACE[:-1]}-{PARENT}-01", "lower-case hex"),
        (f"00-{TRACE}-{PARENT}-1", "lower-case hex"),
        (f"00-{TRACE}-{PARENT}", "lower-case hex"),
        (f"0-{TRACE}-{PARENT}-01", "lower-case hex"),
        (f" {GOOD}", "lower-case hex"),
        (f"{GOOD}\n", "lower-case hex"),
        (GOOD.replace("4", "g", 1), "lower-case hex"),
    ],
)
def test_each_broken_rule_is_named(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        parse_traceparent(text)


def test_the_valid_header_of_a_record_is_found() -> None:
    headers = [("other", b"x"), ("traceparent", None), ("traceparent", b"\xff"), ("Traceparent", GOOD.encode())]

    assert traceparent_of(headers) == GOOD


def test_the_cloudevents_extension_is_found_too() -> None:
    assert traceparent_of([("ce_traceparent", GOOD.encode())]) == GOOD


def test_an_invalid_header_is_ignored() -> None:
    assert traceparent_of([("traceparent", b"00-nonsense")]) is None
    assert traceparent_of([]) is None
