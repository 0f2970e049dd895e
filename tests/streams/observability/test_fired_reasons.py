"""Every alert is counted by its reason: whatever an alert of ours can say is a value of driftbell_alerts_fired_total."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from driftbell.runtime.config.model import Config
from driftbell.streams.observability.fired_reasons import FIRED_REASONS, OWN_ALERTS
from driftbell.streams.partition import own_alerts
from driftbell.streams.partition.own_alerts.left_out import LeftOut
from driftbell.streams.partition.own_alerts.lost_input import LostInput
from driftbell.streams.partition.own_alerts.moment import Moments
from driftbell.streams.partition.own_alerts.poison_records import PoisonRecords
from driftbell.streams.partition.own_alerts.too_many_models import TooManyModels
from driftbell.streams.partition.own_alerts.wrong_keys import WrongKeys
from driftbell.streams.partition.partition import Partition
from driftbell.streams.partition.placement import Misplaced, Placement
from driftbell.streams.records import Input
from tests.deploy.exporters import exported

STREAMS = Path(own_alerts.__file__).parents[2]
COUNTED = exported().samples["driftbell_alerts_fired_total"]["reason"]


def classes() -> set[type[Moments]]:
    """Every kind of alert that the folder holds, listed or not."""
    for module in pkgutil.iter_modules(own_alerts.__path__, f"{own_alerts.__name__}."):
        importlib.import_module(module.name)
    return set(Moments.__subclasses__())


def wrong_keys() -> WrongKeys:
    return WrongKeys(0, Config(), Placement(0, 4, lambda _: 1), Counter())


#: Of each kind: it, and what happens for each of its reasons.
HAPPENS: dict[type[Moments], Callable[[str], Moments]] = {}


def happens(kind: type[Moments]) -> Callable[[Callable[[str], Moments]], Callable[[str], Moments]]:
    def known(made: Callable[[str], Moments]) -> Callable[[str], Moments]:
        HAPPENS[kind] = made
        return made

    return known


@happens(LostInput)
def _lost(reason: str) -> Moments:
    own = LostInput(0, Config())
    own.note(Input.PREDICTIONS, 3, 9, reason)
    return own


@happens(LeftOut)
def _left_out(reason: str) -> Moments:
    own = LeftOut(0, Config())
    own.note(["model fraud"])
    return own


@happens(PoisonRecords)
def _poison(reason: str) -> Moments:
    own = PoisonRecords(0, Config())
    own.note(Input.FEEDBACK, 7, "ValueError: half way")
    return own


@happens(WrongKeys)
def _wrong_keys(reason: str) -> Moments:
    own = wrong_keys()
    own._note(Input.PREDICTIONS, Misplaced(reason), b"key", "fraud")
    return own


@happens(TooManyModels)
def _too_many_models(reason: str) -> Moments:
    own = TooManyModels(0, Config())
    own.note("fraud", 1_000)
    return own


def cases() -> list[tuple[type[Moments], str]]:
    return [(kind, reason) for kind in sorted(classes(), key=lambda kind: kind.__name__) for reason in kind.reasons]


def test_every_kind_of_own_alert_is_listed_and_held_by_the_partition() -> None:
    held = {type(own) for own in Partition(0, Config())._own.values()}

    assert classes() == set(OWN_ALERTS) == held == HAPPENS.keys()


@pytest.mark.parametrize(("kind", "reason"), cases(), ids=lambda value: getattr(value, "__name__", value))
def test_an_own_alert_fires_with_a_reason_that_is_counted(kind: type[Moments], reason: str) -> None:
    own = HAPPENS[kind](reason)
    fired = [
        alert for second in range(600) for alert in own.observe(2_000 + 1_000 * second) if alert.status == "firing"
    ]

    assert {alert.evidence.reason for alert in fired} == {reason}
    assert reason in COUNTED


def conditions(tree: ast.AST) -> Iterator[ast.expr]:
    """What is written as the reason of a condition."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Condition":
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "reason")


def test_a_reason_that_is_written_out_is_counted() -> None:
    found = [
        expression for file in STREAMS.rglob("*.py") for expression in conditions(ast.parse(file.read_text("utf-8")))
    ]
    written: set[Any] = {expression.value for expression in found if isinstance(expression, ast.Constant)}

    assert len(found) >= len(OWN_ALERTS)
    assert written == {"monitor_raised", "too_many_features"}, "a new one belongs in a list of its class or module"
    assert written <= COUNTED


def test_no_reason_is_listed_twice() -> None:
    assert len(FIRED_REASONS) == len(set(FIRED_REASONS)) == len(COUNTED)
