"""Imported by Python itself when this folder is on its path: the worker raises at each prediction of one amount."""

from __future__ import annotations

from typing import Any

from driftbell.streams.partition.models import Models

_add = Models.add_predictions


def _fail_at_poison(self: Models, events: Any, *rest: Any) -> None:
    # As ``tests.faults.records.POISON_AMOUNT``.
    if any(event.features.get("amount") == -666.0 for event in events):
        raise RuntimeError("poison")
    _add(self, events, *rest)


setattr(Models, "add_predictions", _fail_at_poison)  # noqa: B010 - mypy would refuse a plain assignment
