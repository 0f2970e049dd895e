"""JSON that others wrote: answers of vendors, what they send to us, what stands between. One way to read it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


class ForeignJsonError(ValueError):
    """It is no JSON, or not of the wanted shape; the text repeats nothing of it."""


def decode_foreign(data: bytes | str, kind: type[T]) -> T:
    """Read it as ``kind``; ``object`` takes any JSON.

    Raises:
        ForeignJsonError: whatever is wrong with it: its text, its types, or nesting that is deeper than any contract's.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    # ValueError is also text that is not Unicode, and msgspec's own errors; a RecursionError is neither.
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ForeignJsonError(f"no JSON as it is expected ({type(error).__name__})") from None


def fields_of(data: bytes) -> dict[str, object]:
    """The fields of a JSON object; none for whatever is no JSON object."""
    try:
        found = decode_foreign(data, object)
    except ForeignJsonError:
        return {}
    return found if isinstance(found, dict) else {}
