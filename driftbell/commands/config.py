"""``driftbell config``: check, show and import the configuration."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import InvalidConfigurationError, check_everything, configured
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.runtime.config.document import Path as KeyPath
    from driftbell.runtime.config.model import Config


def register(commands: Commands) -> None:
    """Add the command."""
    config = commands.group(
        "config",
        summary="check and show the configuration",
        description="Check and show the configuration. Every key has a default: an empty file is valid.",
    )
    checking = config.add(
        "check",
        check,
        summary="find errors without starting anything",
        description="Reads the configuration as `worker` and `router` would, with environment and secret files, and says for\n"
        "every error the file, the line and the fix. The router's channels are built as at its start (secrets are read,\n"
        "templates are tried); nothing is connected to. Exit code 0: valid. 2: not valid.",
        example="driftbell config check --config driftbell.yaml\ndriftbell config check --no-secrets   # in a build pipeline",
    )
    checking.add_argument(
        "--no-secrets",
        action="store_true",
        help="do not ask for the variables (*_env) and files (secrets, certificates) that are only where it will run",
    )
    takes_json(checking, "one JSON object: the file, whether it is valid, and every problem")
    showing = config.add(
        "show",
        show,
        summary="print what is in force, secrets hidden",
        description="Prints the effective configuration as YAML: the file, the environment over it, and the defaults for the\n"
        "rest. Secrets are hidden, so the output can go into a ticket.",
        example="driftbell config show | less\ndriftbell config show --json | jq .worker",
    )
    takes_json(showing)
    importing = config.add(
        "import",
        import_file,
        summary="make a configuration of an Alertmanager's",
        description="Prints an Alertmanager configuration as one of driftbell, and lists on standard error what could not be\n"
        "taken over, with what to write instead: keys and channels that are not known, and Go templates beyond the common\n"
        "forms. Then it says what `config check` would. Exit code 0: all is taken over and valid. 3: something is listed.",
        example="driftbell config import alertmanager.yml > driftbell.yaml",
    )
    importing.add_argument("file", metavar="FILE", help="the Alertmanager configuration")
    takes_json(importing, "one JSON object: the configuration, what was left out, and the problems of the rest")


def check(options: argparse.Namespace) -> int:
    """Load it; the loader's errors end the command."""
    from driftbell.runtime.config.loader import find

    file = find(getattr(options, "config", None))
    warnings: list[str] = []
    try:
        check_everything(options, with_environment=not options.no_secrets, warn=warnings.append)
    except InvalidConfigurationError as error:
        if not options.json:
            raise
        print(
            json.dumps(
                {"file": str(file) if file else None, "valid": False, "problems": error.problems, "warnings": warnings}
            )
        )
        return error.exit_code
    if options.json:
        print(json.dumps({"file": str(file) if file else None, "valid": True, "problems": [], "warnings": warnings}))
    else:
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        print(f"{file or 'no file, all defaults'}: valid")
    return ExitCode.OK


def show(options: argparse.Namespace) -> int:
    """Print the effective configuration."""
    from driftbell.runtime.config import loader

    text = loader.show(configured(options))
    if options.json:
        import yaml

        print(json.dumps(yaml.safe_load(text), default=str))
    else:
        print(text, end="")
    return ExitCode.OK


def import_file(options: argparse.Namespace) -> int:
    """Convert; what was left out goes to standard error."""
    import asyncio
    import tempfile
    from pathlib import Path

    import yaml

    from driftbell.alerting.channels.registry import MODEL, refusals
    from driftbell.alertmanager_file.converted import converted, lines
    from driftbell.errors import CommandError
    from driftbell.runtime.config.document import parse
    from driftbell.runtime.config.loader import ConfigError, load

    fix = "give an Alertmanager configuration"
    try:
        given = parse(Path(options.file).read_text(encoding="utf-8"), options.file, {})
        if given.root is None and given.errors:
            raise CommandError(str(given.errors[0]), fix)
        made = converted(given.root, MODEL)
    except (OSError, ValueError) as error:
        raise CommandError(f"{options.file} cannot be read: {error}", fix) from error
    text = yaml.safe_dump(made.document, sort_keys=False, allow_unicode=True)
    problems: list[str] = []
    warnings: list[str] = []

    def channels(config: Config) -> Iterator[tuple[KeyPath, str]]:
        for wrong in asyncio.run(refusals(config.router, with_environment=False)):
            yield ("router", *wrong.path), f"{wrong.message}; {wrong.fix}"

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "driftbell.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load(file, env={}, checks=[channels], model=MODEL, with_environment=False, warn=warnings.append)
        except ConfigError as error:
            problems = [str(problem).replace(str(file), file.name) for problem in error.problems]
    if options.json:
        left_out = [{"place": one.place, "instead": one.instead} for one in made.left_out]
        print(json.dumps({"configuration": made.document, "left_out": left_out, "problems": problems}, default=str))
    else:
        print(text, end="")
        for line in lines(made.left_out):
            print(f"left out: {line}", file=sys.stderr)
        for problem in problems:
            print(f"to be corrected: {problem}", file=sys.stderr)
        for warning in warnings:
            print(f"warning: {warning.replace(str(file), file.name)}", file=sys.stderr)
    return ExitCode.FOUND if made.left_out or problems else ExitCode.OK
