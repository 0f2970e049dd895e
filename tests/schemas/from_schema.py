"""Documents drawn from a JSON Schema, for the keywords that our contracts use; any other keyword is an error."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "examples"}

#: Anything JSON can say, shallow: for fields that no contract names.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

_TIMES = st.from_regex(
    r"(19[89]|2[01]\d)\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
    r"[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|z|[+-](0\d|1[0-4]):[0-5]\d)",
    alphabet=st.characters(codec="ascii"),
    fullmatch=True,
)


def documents(schema: dict[str, Any]) -> Strategy:
    """Documents that are valid under ``schema``, sometimes with a field more."""
    return _values(schema, schema)


def _values(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    node = {key: value for key, value in node.items() if key not in _ANNOTATIONS}
    if "$ref" in node:
        return _values(root["$defs"][node.pop("$ref").removeprefix("#/$defs/")], root)
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    branches = node.pop("anyOf", None) or node.pop("oneOf", None)
    if branches and node:
        # The branches narrow an object: lay each over it.
        return st.one_of([_values(_narrow(node, branch), root) for branch in branches])
    if branches:
        return st.one_of([_values(branch, root) for branch in branches])
    kinds = node.pop("type")
    if isinstance(kinds, list):
        return st.one_of([_values({**node, "type": kind}, root) for kind in kinds])
    return _KINDS[kinds](node, root)


def _narrow(node: dict[str, Any], branch: dict[str, Any]) -> dict[str, Any]:
    properties = {**node["properties"], **branch.get("properties", {})}
    return {**node, "properties": properties, "required": [*node["required"], *branch.get("required", [])]}


def _object(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    if "additionalProperties" in node:
        _only(node, "additionalProperties", "maxProperties", "propertyNames")
        return st.dictionaries(st.text(max_size=12), _values(node["additionalProperties"], root), max_size=4)
    _only(node, "properties", "required")
    fields = {name: _values(field, root) for name, field in node["properties"].items()}
    required = {name: fields[name] for name in node["required"]}
    optional = {name: field for name, field in fields.items() if name not in required}
    known = st.fixed_dictionaries(required, optional=optional)
    more = st.dictionaries(st.text(max_size=12).filter(lambda name: name not in fields), JSON, max_size=1)
    return st.builds(lambda a, b: {**b, **a}, known, more)


def _array(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    _only(node, "items", "maxItems")
    return st.lists(_values(node["items"], root), max_size=4)


def _string(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    _only(node, "format", "minLength", "maxLength", "pattern")
    if node.get("format") == "date-time":
        return _TIMES
    if node.get("pattern") == "^[0-9]+$":
        return st.integers(min_value=0).map(str)
    text = st.text(min_size=node.get("minLength", 0), max_size=min(node.get("maxLength", 20), 256))
    if "pattern" in node:
        assert node["pattern"] == "[^\\u0000-\\u0020]"
        return text.filter(lambda drawn: any(character > " " for character in drawn))
    return text


def _number(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    _only(node, "minimum", "maximum")
    low, high = node.get("minimum"), node.get("maximum")
    floats = st.floats(low, high, allow_nan=False, allow_infinity=False)
    return floats | st.integers(low if low is not None else -(10**30), high if high is not None else 10**30)


def _integer(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    _only(node, "minimum", "maximum")
    drawn = st.integers(node.get("minimum", -(2**63)), node.get("maximum", 2**63 - 1))
    # JSON Schema counts 17.0 among the integers, and so must a reader.
    return drawn | drawn.filter(lambda number: abs(number) < 2**53).map(float) if "minimum" in node else drawn


def _boolean(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    _only(node)
    return st.booleans()


def _null(node: dict[str, Any], root: dict[str, Any]) -> Strategy:
    return st.none()


def _only(node: dict[str, Any], *keywords: str) -> None:
    unknown = set(node) - set(keywords)
    assert not unknown, f"no strategy for {unknown}"


_KINDS = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "null": _null,
}
