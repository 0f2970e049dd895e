"""The one configuration file: found, read, overridden by the environment, checked, and typed.

Every error names the file, line and column, the key's path, what is wrong and how to put it right; all are told at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Any

import msgspec

from driftbell.runtime.config.channels import Model
from driftbell.runtime.config.document import Document, Path, Place, parse
from driftbell.runtime.config.environment import lay_over
from driftbell.runtime.config.model import Config, Monitoring
from driftbell.runtime.config.show import show
from driftbell.runtime.config.typed import Checker
from driftbell.runtime.config.unread import named_in, unread
from driftbell.runtime.config.wellformed import well_formed

__all__ = ["Check", "ConfigError", "Problem", "find", "load", "show"]

log = logging.getLogger(__name__)

VARIABLE = "DRIFTBELL_CONFIG"
DEFAULT_FILE = "driftbell.yaml"

#: A check of what types cannot say: yields (path, what is wrong and the fix). A path is keys and indices, or dotted text.
Check = Callable[[Config], Iterable[tuple[Path | str, str]]]
#: The same of what is no mistake and hardly meant. It is given the document too: a default may be written or not.
Doubt = Callable[[Config, Any], Iterable[tuple[Path | str, str]]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands, the key's path, and a sentence with the fix."""

    place: Place
    path: Path
    message: str

    def __str__(self) -> str:
        named = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).lstrip(".")
        return f"{self.place}: {named}: {self.message}" if named else f"{self.place}: {self.message}"


class ConfigError(ValueError):
    """The configuration cannot be used. ``problems`` has everything found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.place)
        super().__init__("\n".join(map(str, self.problems)))


def find(path: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None) -> FilePath | None:
    """The file that ``load`` reads: the one given, else ``$DRIFTBELL_CONFIG``, else ./driftbell.yaml, else none."""
    env = os.environ if env is None else env
    given = path or env.get(VARIABLE)
    if given:
        return FilePath(given)
    default = FilePath(DEFAULT_FILE)
    return default if default.is_file() else None


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    checks: Sequence[Check] = (),
    doubts: Sequence[Doubt] = (),
    model: Model | None = None,
    with_environment: bool = True,
    warn: Callable[[str], object] = log.warning,
) -> Config:
    """Read the configuration; with no file and no variables it is all defaults.

    Args:
        path: the file; ``find`` tells what is read without it.
        env: variables for ``${NAME}`` and overrides; ``os.environ`` by default.
        checks: further checks.
        doubts: find what is no mistake and hardly meant; ``warn`` is told of it, where there is no mistake.
        model: knows and checks the settings of channels (``driftbell.runtime.config.channels``). Without it receivers are
            read by name only, which is enough for a worker.
        with_environment: whether the files that it names (secrets, certificates) must be there. Not where it is only checked,
            on another machine.
        warn: is told of what is no mistake for sure: variables that look like ours, and ``doubts``.

    Raises:
        ConfigError: with all problems.
    """
    env = os.environ if env is None else env
    document = _document(find(path, env), env)
    if document.errors:
        raise ConfigError([Problem(error.place, error.path, error.message) for error in document.errors])
    section = Config if model is None else model.config
    unknown = _unread(document, env, section, warn)
    lay_over(document, env, section)
    if model is None:
        _leave_out_channels(document.root)
    config, problems = _config(document, section, unknown)
    mistaken = [problem.path for problem in problems if problem.path]
    all_checks: list[Check] = [partial(well_formed, with_environment=with_environment), *checks]
    for check in all_checks:
        for where, message in check(config):
            at = tuple(where.split(".")) if isinstance(where, str) else where
            if not _follows(at, mistaken):
                problems.append(Problem(document.place(at), at, message))
    for wrong in () if model is None else model.check(config.router):
        at = ("router", *wrong.path)
        if not _follows(at, mistaken):
            problems.append(Problem(document.place(at), at, f"{wrong.message}; {wrong.fix}"))
    if problems:
        raise ConfigError(problems)
    for doubt in doubts:
        for where, message in doubt(config, document.root):
            at = tuple(where.split(".")) if isinstance(where, str) else where
            warn(str(Problem(document.place(at), at, message)))
    return config


def _document(file: FilePath | None, env: Mapping[str, str]) -> Document:
    if file is None:
        return Document("defaults")
    source = str(file)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(Place(source), (), "there is no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(Place(source), (), f"cannot be read: {error}")]) from error
    return parse(text, source, env)


def _follows(at: Path, mistaken: Sequence[Path]) -> bool:
    """Whether what is wrong at a path may only come from a value of the wrong type, which was left out."""
    if any(at[: len(one)] == one[: len(at)] for one in mistaken):
        return True
    return at[-1:] == ("receiver",) and any(one[:2] == ("router", "receivers") for one in mistaken)


def _unread(
    document: Document, env: Mapping[str, str], section: type[Config], warn: Callable[[str], object]
) -> list[Problem]:
    found = []
    for name, setting in unread(env, {*document.variables, *named_in(document.root)}, section):
        if setting:
            message = f"no setting is read from it; did you mean {setting}?"
            found.append(Problem(Place(f"environment variable {name}"), (), message))
        else:
            warn(
                f"the environment variable {name} is read by nothing; one that sets a key is written "
                "DRIFTBELL_<SECTION>__<KEY>, with two underscores between the steps"
            )
    return found


def _config(document: Document, section: type[Config], known: Sequence[Problem]) -> tuple[Config, list[Problem]]:
    checker = Checker(overlays=_overlay)
    plain = checker.section(document.root, section)
    if not plain.get("kafka"):
        plain.pop("kafka", None)  # an empty section is all defaults, and its default is not empty
    problems = list(known)
    problems += [
        Problem(document.place(mistake.path, key=mistake.at_key), mistake.path, mistake.message)
        for mistake in checker.mistakes
    ]
    try:
        config = msgspec.convert(plain, section)
        for name in config.models:
            config.monitoring_for(name)
    except msgspec.ValidationError as error:
        if problems:
            raise ConfigError(problems) from error
        # The checker and msgspec agree on everything in the model; should they not, msgspec is right.
        raise ConfigError([Problem(Place(document.source), (), str(error))]) from error
    return config, problems


def _leave_out_channels(root: Any) -> None:
    router = root.get("router") if isinstance(root, dict) else None
    receivers = router.get("receivers") if isinstance(router, dict) else None
    if isinstance(router, dict) and isinstance(receivers, list):
        router["receivers"] = [{"name": one.get("name", "")} if isinstance(one, dict) else one for one in receivers]


def _overlay(path: Path) -> type[msgspec.Struct] | None:
    return Monitoring if len(path) == 2 and path[0] == "models" else None
