"""The rules of the house (docs/architecture.md), as far as a program can check them; layers: tests/house/."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.cores import core
from tests.house.sources import ROOT, imports, modules, parsed, tracked

#: Room -> the rooms it may import.
ROOMS: dict[str, set[str]] = {
    "schemas": set(),
    "runtime": set(),
    "streams": {"schemas", "runtime"},
    "alerting": {"schemas", "runtime"},
    "driftbell": {"schemas", "runtime", "streams", "alerting", "driftbell_client"},
    "client/src/driftbell_client": set(),
}

LONGEST = 400
#: Longer, with the reason.
LONG: dict[str, str] = {
    "streams/partition/partition.py": "the whole interface of a partition to its owner, most of it one line each",
}

VAGUE = re.compile(r"(Manager|Handler|Helper|Utils?|Processor|Data)$")


def core_modules() -> Iterator[tuple[str, ast.Module]]:
    """The pure cores with everything of ours that they run, and the contracts."""
    for name in sorted({*core(), *(name for name, _ in modules("schemas"))}):
        yield name, parsed(ROOT / name)


def room_of(imported: str) -> str:
    """The room of a dotted name: ``streams`` of ``driftbell.streams.app``, ``driftbell`` of ``driftbell.cli``."""
    first, _, rest = imported.partition(".")
    second = rest.partition(".")[0]
    return second if first == "driftbell" and second in ROOMS else first


@pytest.mark.slow
def test_a_room_imports_only_the_rooms_below_it() -> None:
    names = {room.rpartition("/")[2] for room in ROOMS} | {"tests", "bench", "examples"}
    wrong = [
        f"{name}:{line} imports {imported}"
        for room, allowed in ROOMS.items()
        for name, tree in modules(room)
        for line, imported in imports(tree)
        if room_of(imported) in names - allowed - {room.rpartition("/")[2]}
        or (imported.partition(".")[0] in names and imported.partition(".")[0] in {*ROOMS} - {"driftbell"})
    ]

    assert sorted(set(wrong)) == []


@pytest.mark.slow
def test_imports_are_absolute() -> None:
    wrong = [
        f"{name}:{line} imports {imported}"
        for name, tree in modules(*ROOMS, "tests", "bench")
        for line, imported in imports(tree)
        if imported.startswith(".")
    ]

    assert sorted(set(wrong)) == []


def test_the_pure_cores_never_ask_for_now() -> None:
    asking = re.compile(r"(datetime|date)\.(now|utcnow|today)|random\.(random|randint|choice|uniform|shuffle|sample)")
    wrong = []
    for name, tree in core_modules():
        # A generator that is an argument is not the module of the same name.
        given = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and any(arg.arg == "random" for arg in node.args.args)
            for inner in ast.walk(node)
        }
        wrong += [
            f"{name}:{node.lineno} {ast.unparse(node)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node not in given and asking.fullmatch(ast.unparse(node.func))
        ]

    assert wrong == []


def test_the_pure_cores_draw_no_lots() -> None:
    """Randomness is seeded from the configuration: a replay must decide the same."""
    lots = re.compile(
        r"(uuid\.)?uuid[14]|(os\.)?urandom|secrets\.\w+|(random\.)?SystemRandom|(np|numpy)\.random\.[a-z]\w*"
    )
    # Seeded if they are told by what.
    generators = re.compile(r"(random\.)?Random|((np|numpy)\.random\.)?default_rng|(np|numpy)\.random\.RandomState")
    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in core_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            not (node.args or node.keywords)
            if generators.fullmatch(ast.unparse(node.func))
            else lots.fullmatch(ast.unparse(node.func))
        )
    ]

    assert wrong == []


def test_nothing_is_ever_unpickled() -> None:
    """Whoever can write to a store that is read by pickle can run code in its readers."""
    dangerous = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
    wrong = [
        f"{name}:{line} imports {imported}"
        for name, tree in modules(*ROOMS)
        for line, imported in imports(tree)
        if imported.partition(".")[0] in dangerous
    ]
    wrong += [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in modules(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    ]

    assert wrong == []


def test_files_are_short_or_say_why_not() -> None:
    lengths = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name, _ in modules(*ROOMS)}
    wrong = {name: lines for name, lines in lengths.items() if lines > LONGEST and name not in LONG}

    assert wrong == {}


def test_package_files_hold_only_imports_and_their_list() -> None:
    wrong = []
    for name, tree in modules(*ROOMS, "tests"):
        if name.endswith("/__init__.py"):
            for node in tree.body:
                docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                # A table of what the package holds (COMMANDS, REGISTRY) is a list of it too.
                target = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
                target = ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else target
                if not (
                    docstring
                    or target == "__all__"
                    or target.isupper()
                    or isinstance(node, ast.Import | ast.ImportFrom)
                ):
                    wrong.append(f"{name}:{node.lineno} {ast.unparse(node).splitlines()[0]}")

    assert wrong == []


def test_classes_are_named_as_the_thing_they_are() -> None:
    wrong = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in modules(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and VAGUE.search(node.name)
    ]

    assert wrong == []


def test_every_lua_script_explains_its_keys_and_arguments() -> None:
    scripts = [path for path in tracked() if path.suffix == ".lua"]
    wrong = []
    for path in scripts:
        head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("--")]
        used = set(re.findall(r"\b(KEYS|ARGV)\[", path.read_text(encoding="utf-8")))
        if not head or any(not any(name in line for line in head) for name in used):
            wrong.append(path.relative_to(ROOT).as_posix())

    assert scripts
    assert wrong == []


def test_the_tree_names_no_registry_and_no_machine() -> None:
    # Written in pieces, or this file would be the first to break the rule.
    words = ["py" + "pi.org", "python" + "hosted.org", "repo1." + "maven", "repo." + "maven", "registry." + "npmjs"]
    words += ["crates" + ".io", "deb." + "debian.org", "/wo" + "rk/", "/tm" + "p/dev", "/ro" + "ot/", ".lib" + "rary"]
    wrong = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]

    assert wrong == []


def test_every_exception_to_a_rule_still_exists() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    gone = [name for name in LONG if name not in names]
    short = [name for name in LONG if (ROOT / name).read_text(encoding="utf-8").count("\n") <= LONGEST]

    assert gone == []
    assert short == []


def test_a_public_class_name_stands_once_within_its_room() -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for room in ("schemas", "runtime", "streams", "alerting", "driftbell"):
        for name, tree in modules(room):
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found.setdefault((room, node.name), []).append(name)

    assert {room_and_class: places for room_and_class, places in found.items() if len(places) > 1} == {}
