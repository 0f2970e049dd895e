"""The layers (tests/house/layers.py): who may import whom, what is pure, and how much fits into a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

from tests.house.cores import ROOMS, core, folder_of, graph
from tests.house.graph import Graph, circles
from tests.house.layers import BASE, KNOWN_ONLY_IN, MAY_IMPORT, MOST_MODULES, OUTSIDE, PURE
from tests.house.sources import modules


def is_outside(imported: str) -> bool:
    """Whether a dotted name is, or is in, something that reaches outside."""
    return any(imported == one or imported.startswith(f"{one}.") for one in OUTSIDE)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_has_a_layer(room: str) -> None:
    there = {folder_of(name)[1] for name, _ in modules(room)} - {"__init__"}
    table = {*MAY_IMPORT[room], *BASE[room]}

    assert sorted(there - table) == [], f"rule: every folder of {room}/ has a line in tests/house/layers.py"
    assert sorted(table - there) == [], "rule: tests/house/layers.py has no line for what is gone"
    assert PURE[room] <= table


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_imports_only_the_folders_below_it(room: str) -> None:
    wrong = [
        f"{module}:{line} imports {imported}: {folder} may import {sorted(allowed) or 'no folder'}"
        for module, imported_modules in graph().ours.items()
        for imported, line in imported_modules.items()
        for home, folder in [folder_of(module)]
        for there, target in [folder_of(imported)]
        if home == there == room and "__init__" not in {folder, target}
        for allowed in [MAY_IMPORT[room].get(folder, set())]
        if target not in {folder, *allowed} and (target not in BASE[room] or target == folder)
    ]

    assert wrong == [], f"rule: MAY_IMPORT[{room!r}] in tests/house/layers.py"


@pytest.mark.parametrize("room", ROOMS)
def test_the_layers_make_no_circle(room: str) -> None:
    assert circles(MAY_IMPORT[room]) == [], "rule: two folders that import each other are one folder"


def test_a_room_is_imported_by_nothing_that_it_imports() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, imported_modules in graph().ours.items()
        for imported in imported_modules
        if folder_of(name)[0] not in ROOMS
        if folder_of(imported)[0] in ROOMS
    ]

    assert wrong == [], "rule: schemas and runtime know nothing of the rooms above them"


def test_the_pure_cores_reach_nothing_outside_and_do_not_read_the_clock() -> None:
    wrong = [
        f"{' -> '.join(chain)}:{line} imports {imported}"
        for name, chain in core().items()
        for imported, line in graph().others[name].items()
        if is_outside(imported)
    ]

    assert sorted(wrong) == [], (
        "rule: from a pure folder (PURE in tests/house/layers.py) no chain of imports leads outside"
    )


def test_the_pure_cores_are_found_to_reach_outside_through_another_module() -> None:
    """A rule that finds nothing may look at nothing: in this house two modules stand between the core and asyncio."""
    house = Graph(
        ours={"core.py": {"between.py": 1}, "between.py": {"shell.py": 1}, "shell.py": {}, "other.py": {"shell.py": 1}},
        others={"core.py": {}, "between.py": {}, "shell.py": {"asyncio": 3}, "other.py": {}},
    )

    assert house.reached(["core.py"])["shell.py"] == ("core.py", "between.py", "shell.py")
    assert "other.py" not in house.reached(["core.py"])
    assert circles({"a": ["b"], "b": ["a"], "c": ["a"]}) == ["a", "b"]
    assert is_outside("asyncio")
    assert is_outside("urllib.request.urlopen")
    assert not is_outside("urllib.parse")


def test_the_cores_are_what_they_are_taken_for() -> None:
    assert {
        "streams/partition/partition.py",
        "streams/subject.py",
        "schemas/codec.py",
        "alerting/state/records.py",
    } <= core().keys()
    assert not {"streams/engine/engine.py", "alerting/process/service.py", "runtime/redis.py"} & core().keys()


def test_frameworks_are_known_in_one_place() -> None:
    wrong = [
        f"{name}:{line} imports {imported}: only {sorted(KNOWN_ONLY_IN[framework])} may know {framework}"
        for name, imported_names in graph().others.items()
        for imported, line in imported_names.items()
        for framework in [imported.partition(".")[0]]
        if framework in KNOWN_ONLY_IN
        and folder_of(name)[0] == "streams"
        and folder_of(name)[1] not in KNOWN_ONLY_IN[framework]
    ]

    assert wrong == [], "rule: KNOWN_ONLY_IN in tests/house/layers.py"


@pytest.mark.parametrize("room", ROOMS)
def test_no_folder_holds_more_than_ten_modules(room: str) -> None:
    count = Counter(
        PurePosixPath(name).parent.as_posix() for name, _ in modules(room) if not name.endswith("/__init__.py")
    )
    wrong = {folder: number for folder, number in count.items() if number > MOST_MODULES}

    assert wrong == {}, f"rule: a folder with more than {MOST_MODULES} modules of its own is two folders"
