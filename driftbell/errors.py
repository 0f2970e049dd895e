"""The errors a person at the command line meets: one line saying what is wrong, one saying what to do.

CommandError          ends the command with exit code 1: the surroundings are wrong
└── UsageError        ends it with exit code 2: what was typed or configured is wrong
"""

from __future__ import annotations

from driftbell.exit_codes import ExitCode


class CommandError(Exception):
    """Something outside the command is not as it must be (a broker, a file, a process)."""

    exit_code = ExitCode.FAILED

    def __init__(self, problem: str, fix: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return self.problem if self.fix is None else f"{self.problem}\n  fix: {self.fix}"


class UsageError(CommandError):
    """What was typed, or what the configuration says, cannot work."""

    exit_code = ExitCode.USAGE
