"""The Dockerfile, as far as it can be checked without an engine."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments on one line), in order."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.splitlines()]
    return [
        (word.upper(), rest) for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")
    ]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def test_every_base_image_is_pinned_and_of_a_supported_python() -> None:
    bases = [rest.partition(" ")[0] for word, rest in instructions() if word == "FROM"]

    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.1[1-3]-slim-[a-z]+", bases[0])


def test_it_does_not_run_as_root() -> None:
    (user,) = [rest for word, rest in final_stage() if word == "USER"]

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_it_holds_no_secret_and_no_way_to_pass_one_in() -> None:
    assert [rest for word, rest in instructions() if word in {"ARG", "ADD"}] == []
    named = re.compile(r"(?i)(password|secret|token|api_?key)")
    assert [rest for word, rest in instructions() if word == "ENV" and named.search(rest)] == []


def test_everything_installed_is_pinned_by_hash_or_built_here() -> None:
    installs = [
        command
        for word, rest in instructions()
        if word == "RUN"
        for command in rest.split("&&")
        if re.search(r"\bpip (install|wheel)\b", command)
    ]

    assert len(installs) == 4
    assert [c for c in installs if "--require-hashes" not in c and "--no-deps" not in c] == []


def test_it_stops_gently_and_says_whether_it_is_well() -> None:
    words = dict(final_stage())

    assert words["STOPSIGNAL"] == "SIGTERM"
    assert words["HEALTHCHECK"].endswith('CMD ["python", "-m", "driftbell.runtime.observability.probe"]')
    # The list form: signals reach the process, not a shell around it.
    assert words["ENTRYPOINT"] == '["driftbell"]'


def test_every_package_of_the_wheel_is_copied_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = {rest.split()[0] for word, rest in instructions() if word == "COPY"}

    assert set(packages) <= copied


def _allowed(path: str) -> bool:
    """Whether .dockerignore lets a path into the build; the last rule that fits decides."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        if fnmatch(path, rule) or path.startswith(f"{rule}/") or fnmatch(path, f"*/{rule.removeprefix('**/')}"):
            allowed = line.startswith("!")
    return allowed


def test_what_is_copied_exists_and_is_sent_to_the_build() -> None:
    sources = [
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if not _allowed(source)] == []


@pytest.mark.parametrize("path", [".venv", ".git", "tests", "driftbell.yaml", ".env", "streams/__pycache__"])
def test_what_is_private_or_of_no_use_stays_out(path: str) -> None:
    assert not _allowed(path)
