"""The engine's tests run in held time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.streams.engine.held_loop import HeldLoop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], HeldLoop]]:
    """Every asyncio test of this folder gets a loop whose time stands still."""
    return {"held": HeldLoop}
