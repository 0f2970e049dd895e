"""RE2's regular expressions, checked against the program that uses RE2's syntax: amtool."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftbell.runtime.matching.regex import BadRegexError, Regex
from tests.services.missing import missing

REFUSED_BY_BOTH = [
    "[", "(", ")", "x**", "x++", "x*+", "x?*", "*", "+a", "(?=x)", "(?!x)", "(?<=x)", "(?>x)", r"(x)\1", r"\8", r"\Z",
    r"\y", "a{1001}", "a{2}{3}", "[b-a]", "[[:nope:]]", "\\", r"\u0041", "[a", r"(?x)a",
    r"\xZZ", r"\C", r"a\C", r"\Qa\C", "((a{100}){100}){100}",
]  # fmt: skip

READ_ALIKE = [
    ("a|b", ["a", "b", "c", "ab"]),
    ("a.c", ["abc", "a\nc", "ac"]),
    (r"\d+", ["12", "", "1a", "\u0661"]),
    (r"\w+", ["ab_1", "ä", "a b"]),
    (r"\s", [" ", "\t", "\x0b", "\u2003"]),
    (r"\S", [" ", "\x0b", "a"]),
    (r"[\s.]", [".", "\x0b", " "]),
    (r"[^\s.]", [".", "\x0b", " ", "a"]),
    (r"[\S]", ["a", "\x0b", " "]),
    ("[a-c]+", ["abc", "d"]),
    ("[^a]", ["b", "a", ""]),
    ("[]a]+", ["]a", "b"]),
    ("[[a]", ["[", "a"]),
    ("[a&&b]+", ["a&b", "c"]),
    ("[[:alpha:]]+", ["abC", "1"]),
    ("[[:digit:]x]+", ["1x", "a"]),
    (r"[\d-]+", ["1-2", "a"]),
    ("a{2}", ["aa", "a"]),
    ("a{1,}", ["a", "aaa", ""]),
    ("a{,3}", ["aa", "a{,3}"]),
    ("a{x", ["a{x", "a"]),
    ("{", ["{"]),
    ("a??b", ["ab", "b"]),
    ("(?i)abc", ["ABC", "abc"]),
    ("(?i:a)b", ["Ab", "AB"]),
    ("(?P<name>x)", ["x", "y"]),
    ("(?:x|y)z", ["xz", "z"]),
    (r"\x41", ["A", "x41"]),
    (r"\x{42}", ["B", "x{42}"]),
    (r"\.\-\/\_", [".-/_", "a"]),
    (r"a\z", ["a", "a\n"]),
    ("a$", ["a", "a\n"]),
    ("^a", ["a"]),
    ("", ["", "a"]),
    ("ä+", ["ää", "a"]),
    (r"\bfoo\b", ["foo", "foofoo"]),
    (r"\pL+", ["ä", "1"]),
    (r"\p{Greek}", ["\u03c3", "s"]),
    (r"\Qa.b\E", ["a.b", "axb"]),
    ("(?U)a+", ["aa"]),
    ("a(?i)b", ["aB", "AB"]),
    (r"\012", ["\n"]),
    ("(?P<1>x)", ["x"]),
    ("a)|(b", ["a", "ax", "b", "xb", "c"]),
    # Letters fold as Unicode says, which makes one of the Kelvin sign and k, and all three of the sigmas.
    ("(?i)ä", ["Ä", "a"]),
    ("(?i)k", ["\u212a"]),
    ("(?i)\u03c3", ["\u03c2", "\u03a3"]),
    ("(?i)straße", ["STRASSE", "STRAßE"]),
]


@pytest.fixture(scope="module")
def amtool() -> str:
    return shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")


def config_with(tmp_path: Path, pattern: str) -> Path:
    config = tmp_path / "config.yml"
    matcher = json.dumps(f"a=~{json.dumps(pattern, ensure_ascii=False)}", ensure_ascii=False)
    routes = f"  routes:\n  - receiver: hit\n    matchers: [{matcher}]\n"
    config.write_text(f"route:\n  receiver: miss\n{routes}receivers: [{{name: hit}}, {{name: miss}}]\n")
    return config


@pytest.mark.parametrize("pattern", REFUSED_BY_BOTH)
def test_a_pattern_that_re2_refuses_is_refused(pattern: str, amtool: str, tmp_path: Path) -> None:
    config = config_with(tmp_path, pattern)
    verdict = subprocess.run([amtool, "check-config", str(config)], capture_output=True, check=False)

    assert verdict.returncode != 0
    with pytest.raises(BadRegexError):
        Regex(pattern)


@pytest.mark.parametrize(("pattern", "values"), READ_ALIKE)
def test_a_pattern_matches_what_it_matches_in_alertmanager(
    pattern: str, values: list[str], amtool: str, tmp_path: Path
) -> None:
    config = config_with(tmp_path, pattern)
    compiled = Regex(pattern)
    for value in values:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        label = f'a="{escaped}"'
        found = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={config}", label],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = "hit" if compiled.matches(value) else "miss"

        assert ours == found.stdout.strip(), (pattern, value)


def test_a_text_that_has_no_utf8_matches_as_an_unknown_character_does() -> None:
    assert Regex("a.b").matches("a\ud800b")
    assert not Regex("a").matches("\ud800")


def test_without_the_engine_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)

    with pytest.raises(BadRegexError, match="install google-re2, which has wheels for"):
        Regex("a|b")


def test_matching_takes_no_longer_than_the_text_is_long() -> None:
    """Python's engine would need 2^60 steps."""
    assert not Regex("(a*)*b").matches("a" * 60)


@given(st.text(alphabet="ab01.*+?()[]{}|^$\\-,:<>=!PimsUxdwQE \n", max_size=12))
@settings(max_examples=500)
def test_any_text_is_compiled_or_refused(pattern: str) -> None:
    with contextlib.suppress(BadRegexError):
        assert isinstance(Regex(pattern).matches(pattern), bool)
