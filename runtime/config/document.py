"""A YAML file as plain values, with the place of every key and value, so that an error can name its line.

Scalars follow YAML 1.2's core schema, not PyYAML's 1.1: ``no`` is text, ``1e6`` a number, ``12:30`` text, and a date text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

#: Keys and indices from the root.
Path = tuple[str | int, ...]

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
#: In an error of PyYAML: the name that the file gives an alias, an anchor or a tag.
_NAMED = re.compile(r"(?<=alias|nchor| name|andle) '[^']*'")
#: Python refuses to read longer decimal numbers; they stay text, which no number's place takes.
_MOST_DIGITS = 4_000
#: ``$${NAME}`` stands for a literal ``${NAME}``; ``${NAME:-text}`` for NAME or, where that is not set, text.
_VARIABLE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

#: Values of one document, those that aliases repeat counted each time: nine levels of ten aliases would be a billion. Far more
#: than any configuration has.
MAX_VALUES = 100_000

#: How deep values may be nested. PyYAML and the reader below go as deep in Python's stack.
MAX_DEPTH = 100


class Loose(str):
    """Text from the environment, which has no types: it becomes what its place in the configuration asks for."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and column, from 1, of a named source; line 0 is the source as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class DocumentError(ValueError):
    """One thing wrong with the text itself."""

    def __init__(self, place: Place, path: Path, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.path = path
        self.message = message


@dataclass(slots=True)
class Document:
    """The values, and where they stand."""

    source: str
    root: Any = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    errors: list[DocumentError] = field(default_factory=list)
    #: The environment variables that it names as ``${NAME}``.
    variables: set[str] = field(default_factory=set)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where the value (or the key) at ``path`` stands; the nearest enclosing thing when it is not in the file."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found:
                return found
        return Place(self.source)

    def put(self, path: Path, value: Any, place: Place) -> None:
        """Set a value that comes from elsewhere, over what the file says."""
        if not isinstance(self.root, dict):
            self.root = {}
        at = self.root
        for depth, step in enumerate(path[:-1], start=1):
            if not isinstance(at.get(step), dict):
                at[step] = {}
                self.values[path[:depth]] = self.keys[path[:depth]] = place
            at = at[step]
        at[path[-1]] = value
        self.values[path] = self.keys[path] = place


def parse(text: str, source: str, variables: Mapping[str, str]) -> Document:
    """Read one YAML document. What is wrong with it is in ``errors``; the values are what could be read."""
    document = Document(source)
    if unprintable := yaml.reader.Reader.NON_PRINTABLE.search(text):
        before = text[: unprintable.start()]
        place = Place(source, before.count("\n") + 1, unprintable.start() - before.rfind("\n"))
        message = f"not YAML: the control character {unprintable[0]!a}; write it as an escape, in double quotes"
        document.errors.append(DocumentError(place, (), message))
        return document
    loader = yaml.SafeLoader(text)
    try:
        _refuse_depth(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        document.errors.append(DocumentError(place, (), f"not YAML: {_without_value(error.problem or error.context)}"))
        return document
    except yaml.YAMLError as error:
        document.errors.append(DocumentError(Place(source), (), f"not YAML: {error}"))
        return document
    finally:
        loader.dispose()
    if node is not None:
        try:
            document.root = _Reader(document, variables).read(node, (), ())
        except _TooManyError as error:
            document.root = None
            document.errors.append(
                DocumentError(error.place, (), f"aliases make more than {MAX_VALUES:,} values of this file: use fewer")
            )
    return document


def _without_value(problem: str | None) -> str:
    """PyYAML's words without the name of an alias, anchor or tag: a secret that begins as these do reads as one."""
    said = problem or ""
    bare = _NAMED.sub("", said)
    return said if bare == said else f"{bare}; put a value that begins with *, & or ! in quotes"


def _refuse_depth(text: str) -> None:
    """Raises yaml.MarkedYAMLError where values are nested too deep, before anything goes as deep for them."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                problem = f"values are nested more than {MAX_DEPTH} deep"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _TooManyError(Exception):
    """The document has more values than ``MAX_VALUES``."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.place = place


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) scalar."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) <= _MOST_DIGITS and _INT.fullmatch(text):
        # Python reads a leading zero as an error, YAML 1.2 as decimal.
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan").lower().replace(".inf", "inf"))
    return text


class _Reader:
    def __init__(self, document: Document, variables: Mapping[str, str]) -> None:
        self._document = document
        self._variables = variables
        self._count = 0

    def read(self, node: yaml.Node, path: Path, above: tuple[yaml.Node, ...]) -> Any:
        place = self._place(node)
        self._note(place)
        self._document.values[path] = place
        if any(node is one for one in above):
            self._wrong(place, path, "an alias inside the very thing it names")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*above, node))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index), (*above, node)) for index, item in enumerate(node.value)]
        # PyYAML makes nodes of these three kinds only.
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, place, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        first: dict[str, Place] = {}
        for key_node, value_node in self._pairs(node, path):
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(place, path, "a key must be text")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in first:
                self._wrong(place, here, f"the key is there already, in line {first[key].line}: remove one")
                continue
            first[key] = self._document.keys[here] = place
            mapping[key] = self.read(value_node, here, above)
        return mapping

    def _note(self, place: Place) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooManyError(place)

    def _pairs(
        self, node: yaml.MappingNode, path: Path, merging: tuple[yaml.Node, ...] = ()
    ) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The mapping's own pairs, then those merged by ``<<`` that it does not have itself."""
        own = [(key, value) for key, value in node.value if key.tag != "tag:yaml.org,2002:merge"]
        yield from own
        names = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                continue
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                self._note(self._place(key))
                if not isinstance(merged, yaml.MappingNode) or any(merged is one for one in (*merging, node)):
                    self._wrong(self._place(key), path, "<< must name a mapping")
                    continue
                for pair in self._pairs(merged, path, (*merging, node)):
                    name = pair[0].value if isinstance(pair[0], yaml.ScalarNode) else None
                    if name not in names:
                        names.add(name)
                        yield pair

    def _scalar(self, node: yaml.ScalarNode, place: Place, path: Path) -> Any:
        if node.tag.startswith("!"):
            self._wrong(place, path, "begins with !, which YAML takes for a tag: put it in quotes")
            return None
        text = str(node.value)
        expanded = self._expand(text, place, path)
        if expanded != text:
            return Loose(expanded)
        # A plain scalar may be a number; a quoted or block one never is.
        return scalar(text) if node.style is None else text

    def _expand(self, text: str, place: Place, path: Path) -> str:
        def value_of(match: re.Match[str]) -> str:
            if match[0].startswith("$$"):
                return match[0][1:]
            name: str = match[1]
            otherwise: str | None = match[2]
            self._document.variables.add(name)
            value = self._variables.get(name, otherwise)
            if value is None:
                self._wrong(
                    place, path, f"the environment variable {name} is not set: set it, or write ${{{name}:-text}}"
                )
            return value or ""

        return _VARIABLE.sub(value_of, text)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._document.source, node.start_mark.line + 1, node.start_mark.column + 1)

    def _wrong(self, place: Place, path: Path, message: str) -> None:
        self._document.errors.append(DocumentError(place, path, message))
