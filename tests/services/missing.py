"""What to do when a service cannot be had: skip on a laptop, fail in CI, so that a green CI has run everything."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Whether this is a CI run, as every CI system says it: ``CI=true``."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(what: str, fix: str) -> NoReturn:
    """End the test because ``what`` is not there; ``fix`` says how to get it.

    Raises:
        pytest.skip.Exception: outside CI.
        pytest.fail.Exception: in CI, where a skipped test would hide that nothing was tested.
    """
    message = f"{what} is missing: {fix}"
    if in_ci():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
