"""The JSON of a request, as Go reads it: names in any case, what is not known is passed over, null is "not given"."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from driftbell.alerting.api.wire.moments import BadMomentError, moment_ms
from driftbell.alerting.api.wire.refusal import TOO_MANY_ITEMS, RequestRefusedError, malformed

#: Keys of one object, and values of a body that has to be mended: what is read without letting others have their turn.
MOST_KEYS, MOST_MENDED = 1_000, 500_000

_GO_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


class Body:
    """One JSON object of a request, with the name under which errors speak of the whole.

    Raises:
        RequestRefusedError: it has more keys than are read.
    """

    def __init__(self, name: str, content: dict[str, Any]) -> None:
        _check_keys(name, content)
        self._name = name
        self._content = content

    def get(self, key: str) -> Any:
        """The value of a key, None when it is not there."""
        if key in self._content:
            return self._content[key]
        folded = key.lower()
        return next((value for name, value in self._content.items() if name.lower() == folded), None)

    def text(self, key: str, where: str) -> str | None:
        """A text.

        Raises:
            RequestRefusedError: it is something else.
        """
        found = self.get(key)
        if found is None or isinstance(found, str):
            return found
        raise wrong_kind(self._name, found, f"Go struct field {where} of type string")

    def flag(self, key: str, where: str) -> bool | None:
        """True or false.

        Raises:
            RequestRefusedError: it is something else.
        """
        found = self.get(key)
        if found is None or isinstance(found, bool):
            return found
        raise wrong_kind(self._name, found, f"Go struct field {where} of type bool")

    def moment(self, key: str) -> int | None:
        """A time, epoch milliseconds; None when it is not given, or is Go's zero time.

        Raises:
            RequestRefusedError: it is none.
        """
        found = self.text(key, f".{key}")
        if found is None:
            return None
        try:
            return moment_ms(found)
        except BadMomentError as error:
            raise unparsable(self._name, str(error)) from error

    def texts(self, key: str) -> dict[str, str] | None:
        """Labels or annotations.

        Raises:
            RequestRefusedError: they are something else.
        """
        found = self.get(key)
        if found is None:
            return None
        where = "Alert.labels" if key == "labels" else f".{key}"
        if not isinstance(found, dict):
            raise wrong_kind(self._name, found, f"Go struct field {where} of type models.LabelSet")
        _check_keys(self._name, found)
        texts = {}
        for name, value in found.items():
            if value is not None and not isinstance(value, str):
                raise wrong_kind(self._name, value, f"Go struct field {where} of type string")
            texts[name] = value or ""
        return texts


def content(name: str, data: bytes, most_items: int | None = None) -> Any:
    """The JSON of a body. Texts are always such that UTF-8 can have them.

    Args:
        name: under which errors speak of it.
        data: as it was sent.
        most_items: of a body that is a list; None for any.

    Raises:
        RequestRefusedError: it is none, or too long a list.
    """
    try:
        return _counted(name, msgspec.json.decode(data), most_items)
    except (ValueError, RecursionError):  # msgspec's own error is a ValueError
        pass
    # Slower, and as patient as Go: bytes that are no UTF-8, half characters, something behind the end.
    try:
        text = data.decode(errors="replace").lstrip(" \t\r\n")
        value, _ = json.JSONDecoder().raw_decode(text)
        return _whole(_counted(name, value, most_items), itertools.count())
    except (ValueError, RecursionError) as error:
        raise unparsable(name, f"it is not JSON: {error}") from error


def _counted(name: str, value: Any, most_items: int | None) -> Any:
    if most_items is not None and isinstance(value, list) and len(value) > most_items:
        raise malformed(422, f"{name} in body should have at most {most_items} items", TOO_MANY_ITEMS)
    return value


def _check_keys(name: str, value: dict[str, Any]) -> None:
    if len(value) > MOST_KEYS:
        raise unparsable(name, f"an object has {len(value):,} keys, and at most {MOST_KEYS:,} are read")


def _whole(value: Any, seen: Iterator[int]) -> Any:
    if next(seen) >= MOST_MENDED:
        raise ValueError(f"not all of it is UTF-8, and of such a body at most {MOST_MENDED:,} values are read")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one, seen) for one in value]
    if isinstance(value, dict):
        return {_whole(key, seen): _whole(one, seen) for key, one in value.items()}
    return value


def unparsable(name: str, why: str) -> RequestRefusedError:
    """The body cannot be read."""
    return malformed(400, f'parsing {name} body from "" failed, because {why}')


def wrong_kind(name: str, value: Any, wanted: str) -> RequestRefusedError:
    """A part of the body is of another kind."""
    kind = next((word for known, word in _GO_KINDS if isinstance(value, known)), "null")
    return unparsable(name, f"json: cannot unmarshal {kind} into {wanted}")
