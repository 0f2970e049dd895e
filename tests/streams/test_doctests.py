"""The examples in the docstrings of the pure rooms are true, and every detector and public statistic has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import driftbell.streams.detectors
import driftbell.streams.stats

PURE = (
    "driftbell.schemas",
    "driftbell.streams.agreement",
    "driftbell.streams.alerts",
    "driftbell.streams.batch",
    "driftbell.streams.detectors",
    "driftbell.streams.encoding",
    "driftbell.streams.join",
    "driftbell.streams.monitors",
    "driftbell.streams.reference",
    "driftbell.streams.stats",
    "driftbell.streams.versioned",
    "driftbell.streams.windows",
    "driftbell.alerting.incidents",
    "driftbell.alerting.muting",
    "driftbell.alerting.outbox",
    "driftbell.alerting.rendering",
    "driftbell.alerting.routing",
)


def modules(name: str) -> Iterator[ModuleType]:
    """The module and, if it is a package, all in it."""
    module = importlib.import_module(name)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        yield importlib.import_module(found.name)


EXAMPLES = {
    test.name: test
    for name in PURE
    for module in modules(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module)
    if test.examples
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_shows_what_it_says(name: str) -> None:
    shown: list[str] = []
    failed, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
        EXAMPLES[name], out=shown.append
    )

    assert (failed, tried) == (0, len(EXAMPLES[name].examples)), "".join(shown)


def public(room: ModuleType) -> Iterator[str]:
    """Public functions of a room's modules, and its classes that detect or estimate."""
    for module in modules(room.__name__):
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
                continue
            detects = inspect.isclass(thing) and hasattr(thing, "update") and not getattr(thing, "_is_protocol", False)
            if detects or inspect.isfunction(thing):
                yield f"{module.__name__}.{name}"


#: Functions that only move plain data, and have tests of their own.
WITHOUT = {"driftbell.streams.detectors.river.state.encode", "driftbell.streams.detectors.river.state.decode_into"}


def test_every_detector_and_every_public_statistic_has_an_example() -> None:
    wanted = {*public(driftbell.streams.detectors), *public(driftbell.streams.stats)}

    assert len(wanted) > 15
    assert sorted(wanted - WITHOUT - set(EXAMPLES)) == []
