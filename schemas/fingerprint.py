"""Alertmanager's fingerprint of a label set: the stable identity of one condition.

FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/) over ``name 0xff value 0xff`` of every label in order of
name, as in ``labelSetToFingerprint`` of https://github.com/prometheus/common/blob/main/model/signature.go. Alertmanager
drops labels with an empty value before it hashes: an empty label is no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"

#: Conditions come back at every look, and hashing their labels byte by byte takes tens of microseconds in Python.
_CACHED_LABEL_SETS = 16_384


def fingerprint(labels: Mapping[str, str]) -> str:
    """The fingerprint of ``labels`` as Alertmanager prints it: 16 lower-case hex digits."""
    return _fingerprint(tuple(sorted((name, value) for name, value in labels.items() if value)))


@lru_cache(maxsize=_CACHED_LABEL_SETS)
def _fingerprint(labels: tuple[tuple[str, str], ...]) -> str:
    # Go sorts by bytes and Python by code points: for UTF-8 that is the same order.
    digest = _OFFSET
    for pair in labels:
        for text in pair:
            for byte in text.encode() + _SEPARATOR:
                digest = ((digest ^ byte) * _PRIME) & _MASK
    return f"{digest:016x}"
