"""``driftbell completion``: completion of commands and options in a shell."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    completion = commands.add(
        "completion",
        run,
        summary="print a completion script for bash, zsh or fish",
        description="Prints a script that completes commands, options and their values.\n\n"
        "bash: into ~/.local/share/bash-completion/completions/driftbell, or `source <(driftbell completion bash)`.\n"
        "zsh:  into a folder of $fpath as _driftbell.\n"
        "fish: into ~/.config/fish/completions/driftbell.fish.",
        example="driftbell completion bash > ~/.local/share/bash-completion/completions/driftbell\n"
        "driftbell completion fish > ~/.config/fish/completions/driftbell.fish",
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from driftbell.cli import parser
    from driftbell.completion import SHELLS, nodes

    print(SHELLS[options.shell](list(nodes(parser()))), end="")
    return ExitCode.OK
