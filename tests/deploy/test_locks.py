"""The locks: everything that is declared is pinned, with hashes, and what is deployed is what was tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
DEPLOYED = ROOT / "deploy" / "requirements.lock"

_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)(?:\s*;\s*(.*?))?\s*\\$", re.MULTILINE)


def pins(lock: Path) -> dict[str, set[str]]:
    """Package -> its pinned versions (several where they differ by Python version)."""
    found: dict[str, set[str]] = {}
    for name, version, _ in _PIN.findall(lock.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def declared(*extras: str) -> list[Requirement]:
    """The project's requirements with the given extras, and the client's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *client["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    # The client is of this repository, and installed from it.
    return [needed for needed in map(Requirement, lines) if needed.name != "driftbell-client"]


def all_extras() -> list[str]:
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


@pytest.mark.parametrize(("lock", "extras"), [(LOCK, all_extras()), (DEPLOYED, [])], ids=["all", "deployed"])
def test_every_requirement_is_pinned_to_a_version_it_allows(lock: Path, extras: list[str]) -> None:
    pinned = pins(lock)
    wrong = [
        str(requirement)
        for requirement in declared(*extras)
        if not (versions := pinned.get(canonicalize_name(requirement.name)))
        or not all(version in requirement.specifier for version in versions)
    ]

    assert wrong == [], "run: python3 dev lock"


def test_what_is_deployed_was_tested_in_the_same_version() -> None:
    tested = pins(LOCK)

    assert {name: versions for name, versions in pins(DEPLOYED).items() if versions - tested.get(name, set())} == {}


def test_the_deployed_lock_has_no_developers_tools() -> None:
    assert pins(DEPLOYED).keys().isdisjoint({"pytest", "mypy", "ruff", "hypothesis", "scikit-learn"})


@pytest.mark.parametrize("lock", [LOCK, DEPLOYED], ids=["all", "deployed"])
def test_every_pin_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    blocks = re.split(r"\n(?=[A-Za-z])", text)[1:]

    assert len(blocks) == len(_PIN.findall(text))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text
