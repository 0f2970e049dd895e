"""``driftbell config``: check and show the configuration."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    config = commands.group(
        "config",
        summary="check and show the configuration",
        description="Check and show the configuration. Every key has a default: an empty file is valid.",
    )
    config.add(
        "check",
        check,
        summary="find errors without starting anything",
        description="Reads the configuration as `worker` and `router` would, with environment and secret files, and says for\n"
        "every error the file, the line and the fix. Exit code 0: valid. 2: not valid.",
        example="driftbell config check --config driftbell.yaml",
    )
    config.add(
        "show",
        show,
        summary="print what is in force, secrets hidden",
        description="Prints the effective configuration as YAML: the file, the environment over it, and the defaults for the\n"
        "rest. Secrets are hidden, so the output can go into a ticket.",
        example="driftbell config show | less",
    )


def check(options: argparse.Namespace) -> int:
    """Load it; the loader's errors end the command."""
    from driftbell.runtime.config.loader import find

    configured(options)
    print(f"{find(getattr(options, 'config', None)) or 'no file, all defaults'}: valid")
    return ExitCode.OK


def show(options: argparse.Namespace) -> int:
    """Print the effective configuration."""
    from driftbell.runtime.config import loader

    print(loader.show(configured(options)), end="")
    return ExitCode.OK
