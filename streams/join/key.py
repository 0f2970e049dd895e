"""The key of a prediction in the join: short bytes that are a function of its model and id alone."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, Protocol

#: Ids of up to so many UTF-8 bytes are kept as given; longer ones as a 16-byte digest.
LONGEST_ID: Final = 40

#: Bytes of the model's digest in front. A clash of two of 10,000 models (2 in 10 million) would only matter for
#: predictions of equal id, and the join compares the model's name before it joins.
_MODEL_BYTES: Final = 6
_UUID_LENGTH: Final = 36
#: 0xfe and 0xff never occur in UTF-8, so these forms cannot clash with an id kept as given.
_UUID, _DIGEST = b"\xfe", b"\xff"
#: Distinct models remembered before the memory is cleared; labels may name any number of models that do not exist.
_MOST_MODELS: Final = 20_000


class Identified(Protocol):
    """A prediction or a label."""

    @property
    def prediction_id(self) -> str:
        """Unique in its model."""

    @property
    def model(self) -> str:
        """Whose prediction it is."""


class Keys:
    """Computes keys; remembers the digests of models."""

    def __init__(self) -> None:
        self._models: dict[str, bytes] = {}

    def of(self, events: Iterable[Identified]) -> list[bytes]:
        """The keys of ``events``, in order."""
        models = self._models
        out = []
        for event in events:
            model, text = event.model, event.prediction_id
            head = models.get(model) or self._model(model)
            if len(text) == _UUID_LENGTH and text[8] == "-":
                out.append(head + _uuid(text))
            else:
                raw = text.encode("utf-8", "surrogatepass")
                out.append(head + (raw if len(raw) <= LONGEST_ID else _DIGEST + blake2b(raw, digest_size=16).digest()))
        return out

    def _model(self, model: str) -> bytes:
        if len(self._models) >= _MOST_MODELS:
            self._models.clear()
        digest = blake2b(model.encode("utf-8", "surrogatepass"), digest_size=_MODEL_BYTES).digest()
        self._models[model] = digest
        return digest


def _uuid(text: str) -> bytes:
    """A UUID in its usual spelling as 16 bytes; any other text of that length as given."""
    digits = text.replace("-", "")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return text.encode("utf-8", "surrogatepass")
    # Only the one spelling, so that two ids which differ in case, blanks or dashes stay two ids.
    if raw.hex() == digits and text[13] == "-" and text[18] == "-" and text[23] == "-":
        return _UUID + raw
    return text.encode("utf-8", "surrogatepass")
