"""The command line: ``driftbell COMMAND``. Commands live in ``driftbell/commands/``; docs/cli.md describes them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from driftbell.command import Commands, global_options
from driftbell.commands import COMMANDS
from driftbell.errors import CommandError
from driftbell.exit_codes import ExitCode

DESCRIPTION = """\
Watches machine-learning models on a stream of events and pages the on-call person: once, soon, with the reason.

Start with `driftbell demo`: it needs nothing but this program."""

EPILOG = """\
exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a check found something, 130 stopped by Ctrl-C
more: docs/cli.md, `driftbell COMMAND --help`"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the entry point of the ``driftbell`` script. Returns the exit code (``ExitCode``)."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except CommandError as error:
        from driftbell.runtime.config.address import hide_secrets
        from driftbell.runtime.printable import printable_lines

        print(f"driftbell: {printable_lines(hide_secrets(str(error)))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`driftbell events tail | head`); that ends us, and it is no failure. Python would still
        # flush standard output at exit and complain, so it is pointed elsewhere (docs.python.org, "signal", SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    program = argparse.ArgumentParser(
        prog="driftbell",
        parents=[global_options()],
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("-V", "--version", action="version", version=f"driftbell {_version()}")
    commands = Commands(program.add_subparsers(title="commands", metavar="COMMAND", required=True))
    for command in COMMANDS:
        command.register(commands)
    return program


def _version() -> str:
    try:
        return version("driftbell")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
