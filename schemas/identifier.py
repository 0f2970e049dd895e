"""Identifiers: what names a model, a version, a variant or a prediction on the wire."""

from __future__ import annotations

import unicodedata
from typing import Annotated

import msgspec

#: Longest identifier in characters: ample for UUIDs, ARNs and names, and bounded because an identifier is kept for as
#: long as its prediction waits for a label.
MAX_IDENTIFIER = 256

#: The lowest character that makes an identifier more than blank: the first one above the space (U+0020). So
#: ``name < FIRST_VISIBLE`` is true of every blank identifier (and of those that begin with a blank) at one comparison.
FIRST_VISIBLE = "!"

#: 1 to 256 characters. The codec also refuses nothing but blanks, which msgspec has no cheap word for.
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER)]


def blank(identifier: str) -> bool:
    """Whether ``identifier`` holds nothing but spaces and control characters (U+0000 to U+0020)."""
    return not any(character >= FIRST_VISIBLE for character in identifier)


def unseen(identifier: str) -> str | None:
    r"""What of an identifier nobody sees, so that it looks like another one; None where all of it can be seen.

    Such an identifier is taken as it is: to change it would merge what its producer keeps apart. Letters of different scripts
    that look alike are not found.

    >>> unseen("fraud "), unseen("fraud\u200b"), unseen("fraud")
    ('it begins or ends with a blank', 'it holds U+200B ZERO WIDTH SPACE', None)
    """
    if identifier != identifier.strip():
        return "it begins or ends with a blank"
    for character in identifier:
        if character != " " and unicodedata.category(character) in _UNSEEN:
            return f"it holds U+{ord(character):04X} {unicodedata.name(character, 'CONTROL')}"
    return None


#: Unicode's control and format characters, and its blanks other than the space.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
