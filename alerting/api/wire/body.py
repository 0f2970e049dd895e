"""The JSON of a request, as Go reads it: names in any case, what is not known is passed over, null is "not given"."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from driftbell.alerting.api.wire.moments import BadMomentError, moment_ms
from driftbell.alerting.api.wire.refusal import RequestRefusedError, malformed

_GO_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


class Body:
    """One JSON object of a request, with the name under which errors speak of the whole."""

    def __init__(self, name: str, content: dict[str, Any]) -> None:
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
        texts = {}
        for name, value in found.items():
            if value is not None and not isinstance(value, str):
                raise wrong_kind(self._name, value, f"Go struct field {where} of type string")
            texts[name] = value or ""
        return texts


def content(name: str, data: bytes) -> Any:
    """The JSON of a body. Texts are always such that UTF-8 can have them.

    Raises:
        RequestRefusedError: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):  # msgspec's own error is a ValueError
        pass
    # Slower, and as patient as Go: bytes that are no UTF-8, half characters, something behind the end.
    try:
        text = data.decode(errors="replace").lstrip(" \t\r\n")
        value, _ = json.JSONDecoder().raw_decode(text)
        return _whole(value)
    except (ValueError, RecursionError) as error:
        raise unparsable(name, f"it is not JSON: {error}") from error


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value


def unparsable(name: str, why: str) -> RequestRefusedError:
    """The body cannot be read."""
    return malformed(400, f'parsing {name} body from "" failed, because {why}')


def wrong_kind(name: str, value: Any, wanted: str) -> RequestRefusedError:
    """A part of the body is of another kind."""
    kind = next((word for known, word in _GO_KINDS if isinstance(value, known)), "null")
    return unparsable(name, f"json: cannot unmarshal {kind} into {wanted}")
