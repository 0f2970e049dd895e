"""Matchers, checked against amtool, which reads them with Alertmanager's own code."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftbell.runtime.matching.matchers import (
    BadMatcherError,
    Matcher,
    Operator,
    describe,
    is_label_name,
    parse_matcher,
    parse_matchers,
)
from tests.services.missing import missing

#: Text, and whether Alertmanager 0.25 takes it.
CASES = [
    ("a=b", True),
    ('a="b"', True),
    ('a = "b" ', True),
    ('{a="b"}', True),
    ('a=b,c=~"x|y"', True),
    ("a!~x, ", True),
    ("a=", True),
    ("", True),
    ("_a=b", True),
    ("a:b=c", True),
    (r'a="x\"y"', True),
    (r'a="\\"', True),
    (r'a="\z"', True),
    ('a="b,c"', True),
    ('a="b=c"', True),
    ("a==b", True),
    ('a="{"', True),
    ("a", False),
    ("=b", False),
    ("1a=b", False),
    ("a-b=c", False),
    ('a="b', False),
    ('a=b"c', False),
    ('a=b"', False),
    ('a="b"c', False),
    ("a=b,,c=d", False),
    (",a=b", False),
    ('a=~"["', False),
    ('a=~"("', False),
    ('a=~"x**"', False),
    ('a=~"(?=x)"', False),
    (r'a=~"(x)\\1"', False),
]


@pytest.fixture(scope="module")
def amtool() -> str:
    return shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")


@pytest.mark.parametrize(("text", "sound"), CASES)
def test_what_is_a_matcher_is_what_alertmanager_says(text: str, sound: bool, amtool: str, tmp_path: Path) -> None:
    quoted = text.replace("'", "''")
    config = tmp_path / "config.yml"
    config.write_text(
        f"route:\n  receiver: r\n  routes:\n  - receiver: r\n    matchers: ['{quoted}']\nreceivers: [{{name: r}}]\n"
    )
    verdict = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, check=False)
    try:
        parse_matchers(text)
        ours = True
    except BadMatcherError:
        ours = False

    assert (verdict.returncode == 0) is sound, verdict.stdout + verdict.stderr
    assert ours is sound


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ("a=b", "a", "=", "b"),
        (' a  !=  "b c" ', "a", "!=", "b c"),
        (r'a="x\"y\\z\n"', "a", "=", 'x"y\\z\n'),
        (r"a=\q", "a", "=", "\\q"),
        ("a=b\\", "a", "=", "b\\"),
        ("a==b", "a", "=", "=b"),
        ('a=~"x|y"', "a", "=~", "x|y"),
        ("a!~x", "a", "!~", "x"),
    ],
)
def test_a_matcher_is_taken_apart(text: str, name: str, operator: str, value: str) -> None:
    found = parse_matcher(text)

    assert (found.name, found.operator, found.value) == (name, operator, value)


@pytest.mark.parametrize(
    ("matcher", "value", "matches"),
    [
        ('a="b"', "b", True),
        ('a="b"', None, False),
        ('a=""', None, True),
        ('a!="b"', None, True),
        ('a!=""', None, False),
        ('a=~"b"', "xbx", False),
        ('a=~"b|c"', "c", True),
        ('a=~"b|"', None, True),
        ('a=~".*"', "x\ny", False),
        ('a=~"(?s).*"', "x\ny", True),
        ('a=~"b$"', "b\n", False),
        ('a!~"b.*"', "bc", False),
        ('a!~"b.*"', None, True),
    ],
)
def test_a_matcher_compares_the_whole_value_and_absent_is_empty(matcher: str, value: str | None, matches: bool) -> None:
    labels = {} if value is None else {"a": value}

    assert parse_matcher(matcher).matches(labels) is matches


@given(
    name=st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]*\Z"),
    operator=st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]),
    value=st.text(),
)
def test_what_is_printed_reads_back_as_the_same_matcher(name: str, operator: Operator, value: str) -> None:
    matcher = Matcher(name, operator, value)

    assert parse_matchers(describe([matcher])) == [matcher]


def test_a_label_name_is_prometheus_label_name() -> None:
    assert is_label_name("team_1") and is_label_name("_x")
    assert not is_label_name("1team") and not is_label_name("a-b") and not is_label_name("") and not is_label_name("ä")
