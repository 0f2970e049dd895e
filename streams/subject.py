"""Subject: what is watched, and the key under which its state is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One version of one model in one variant."""

    model: str
    version: str
    variant: str
