"""What every command is made of: a name, help with an example, arguments of its own, and a function that runs it.

A command is one file in ``driftbell/commands/`` with a function ``register(commands)``; adding one is that file and one
line in ``driftbell/commands/__init__.py``. Its heavy imports belong inside the function that runs it: ``--help`` and shell
completion should not pay for Kafka.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[argparse.Namespace], int]


def takes_json(parser: argparse.ArgumentParser, shown: str = "one JSON object") -> None:
    """Give a command that shows something the option ``--json``; ``shown`` says what comes out of it."""
    parser.add_argument("--json", action="store_true", help=shown)


def global_options() -> argparse.ArgumentParser:
    """The options of every command. They may stand before the command's name or after it."""
    # SUPPRESS: an option that is not given must leave alone what was given in the other place.
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = options.add_argument_group("global options")
    group.add_argument(
        "-c", "--config", metavar="FILE", help="the configuration (default: $DRIFTBELL_CONFIG, else ./driftbell.yaml)"
    )
    group.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="default: info")
    group.add_argument("--log-format", choices=["text", "json"], help="default: text on a terminal, else json")
    return options


@dataclass(frozen=True)
class Commands:
    """Where commands register: the top level, or the verbs of a noun (``topics create``)."""

    _subparsers: argparse._SubParsersAction[argparse.ArgumentParser]

    def add(self, name: str, run: Run, *, summary: str, description: str, example: str) -> argparse.ArgumentParser:
        """Add a command; the returned parser takes its own arguments.

        Args:
            name: what is typed.
            run: called with the parsed arguments; returns an exit code, raises ``driftbell.errors.CommandError``.
            summary: one line for the list of commands.
            description: what it does, what it needs, what it changes.
            example: command lines that work as they stand.
        """
        parser = self._parser(name, summary, f"{description}\n\nexample:\n{_indent(example)}")
        parser.set_defaults(run=run)
        return parser

    def group(self, name: str, *, summary: str, description: str) -> Commands:
        """Add a noun whose verbs are added to the returned object."""
        parser = self._parser(name, summary, description)
        return Commands(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))

    def _parser(self, name: str, summary: str, description: str) -> argparse.ArgumentParser:
        return self._subparsers.add_parser(
            name,
            parents=[global_options()],
            help=summary,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
