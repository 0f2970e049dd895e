"""Scripts that complete commands, options and their values in bash, zsh and fish, made from the parser itself. Pure.

The words are written into the script, so that pressing Tab starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: Options whose value is a file.
_FILES = frozenset({"--config"})


@dataclass(slots=True)
class Node:
    """The program, a group of commands, or a command."""

    #: What is typed before: ``("topics", "create")``.
    path: tuple[str, ...]
    #: Commands below: name -> one line of help.
    commands: dict[str, str] = field(default_factory=dict)
    #: Options, each by all its names: -> one line of help.
    options: dict[tuple[str, ...], str] = field(default_factory=dict)
    #: Values by the option's longest name.
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)


def nodes(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Node]:
    """Everything that can be typed, the program first."""
    node, below = Node(path), []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            node.commands = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below += [nodes(sub, (*path, name)) for name, sub in action.choices.items()]
        elif action.option_strings and action.help != argparse.SUPPRESS:
            node.options[tuple(action.option_strings)] = (action.help or "").split(":")[0].split("(")[0].strip()
            if action.choices is not None:
                node.values[action.option_strings[-1]] = tuple(map(str, action.choices))
    yield node
    for each in below:
        yield from each


def bash(tree: list[Node]) -> str:
    """``source <(driftbell completion bash)``, or into a folder of bash-completion."""
    words = "\n".join(f"    {_path(node) or ROOT}) words={_quoted(' '.join(_words(node)))} ;;" for node in tree)
    values = "\n".join(
        f'    {option}) COMPREPLY=($(compgen -W {_quoted(" ".join(choices))} -- "$cur")); return ;;'
        for option, choices in _values(tree).items()
    )
    return f"""\
# bash completion of driftbell; made by `driftbell completion bash`
_driftbell() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" path="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "${{path:+$path/}}$word" in
      {"|".join(_path(node) for node in tree if node.path)}) path="${{path:+$path/}}$word" ;;
    esac
  done
  case "$prev" in
    -c|{"|".join(sorted(_FILES))}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
{values}
  esac
  case "${{path:-{ROOT}}}" in
{words}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _driftbell driftbell
"""


def zsh(tree: list[Node]) -> str:
    """Into a folder of ``$fpath`` as ``_driftbell``, or ``source <(driftbell completion zsh)`` after ``compinit``."""
    words = "\n".join(
        f"    {_path(node) or ROOT}) choices=({' '.join(_quoted(_described(*one)) for one in _described_words(node))}) ;;"
        for node in tree
    )
    values = "\n".join(
        f"    {option}) compadd -- {' '.join(choices)}; return ;;" for option, choices in _values(tree).items()
    )
    return f"""\
#compdef driftbell
# zsh completion of driftbell; made by `driftbell completion zsh`
_driftbell() {{
  local at="" word
  local -a choices
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "${{at:+$at/}}$word" in
      {"|".join(_path(node) for node in tree if node.path)}) at="${{at:+$at/}}$word" ;;
    esac
  done
  case "${{words[CURRENT-1]}}" in
    -c|{"|".join(sorted(_FILES))}) _files; return ;;
{values}
  esac
  case "${{at:-{ROOT}}}" in
{words}
  esac
  _describe driftbell choices
  [[ $PREFIX == -* ]] || _files
}}
if [ "$funcstack[1]" = "_driftbell" ]; then _driftbell "$@"; else compdef _driftbell driftbell; fi
"""


def fish(tree: list[Node]) -> str:
    """``driftbell completion fish > ~/.config/fish/completions/driftbell.fish``."""
    known = " ".join(_path(node) for node in tree if node.path)
    lines = [
        "# fish completion of driftbell; made by `driftbell completion fish`",
        "function __driftbell_at",
        "  set -l at ''",
        "  for word in (commandline -opc)[2..-1]",
        "    set -l longer (string join / $at $word | string trim --left --chars /)",
        f"    contains -- $longer {known}; and set at $longer",
        "  end",
        '  test "$at" = "$argv[1]"',
        "end",
    ]
    for node in tree:
        here = f"complete -c driftbell -n {_quoted(f'__driftbell_at {_quoted_in(_path(node))}')}"
        lines += [f"{here} -f -a {name} -d {_quoted(text)}" for name, text in node.commands.items()]
        for names, text in node.options.items():
            flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in names)
            choices = node.values.get(names[-1])
            value = f" -x -a {_quoted(' '.join(choices))}" if choices else " -r -F" if names[-1] in _FILES else ""
            lines.append(f"{here} {flags}{value} -d {_quoted(text)}")
    return "\n".join(lines) + "\n"


#: By the shell's name.
SHELLS: dict[str, Callable[[list[Node]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}

#: Stands for the program itself where a path must not be empty.
ROOT = "/"


def _path(node: Node) -> str:
    return "/".join(node.path)


def _words(node: Node) -> list[str]:
    return [*node.commands, *(name for names in node.options for name in names)]


def _described_words(node: Node) -> Iterator[tuple[str, str]]:
    yield from node.commands.items()
    for names, text in node.options.items():
        for name in names:
            yield name, text


def _described(word: str, text: str) -> str:
    return f"{word}:{text}"


def _values(tree: list[Node]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for node in tree:
        for option, choices in node.values.items():
            found[option] = tuple(dict.fromkeys((*found.get(option, ()), *choices)))
    return found


def _quoted(text: str) -> str:
    """For any of the three shells, which agree on single quotes that have none inside."""
    return "'" + text.replace("'", "") + "'"


def _quoted_in(text: str) -> str:
    return f'"{text}"'
