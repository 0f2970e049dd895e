"""The configuration of a command: the file and the environment, with errors as the command line shows them."""

from __future__ import annotations

import argparse

from driftbell.errors import UsageError
from runtime.config import Config
from runtime.loader import ConfigError, load


def configured(options: argparse.Namespace) -> Config:
    """What the options, the environment and the file say together.

    Raises:
        UsageError: naming file, line and fix of every mistake.
    """
    try:
        return load(getattr(options, "config", None))
    except ConfigError as error:
        mistakes = [str(problem) for problem in error.problems]
        listed = mistakes[0] if len(mistakes) == 1 else "".join(f"\n  {mistake}" for mistake in mistakes)
        raise UsageError(f"the configuration cannot be used: {listed}".replace(": \n", ":\n")) from None
