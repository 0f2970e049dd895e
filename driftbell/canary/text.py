"""A hop as a line for people. Pure."""

from __future__ import annotations

from driftbell.canary.hop import WORDS, Hop


def line(hop: Hop) -> str:
    """What came of it, how long it took, and what to look at if it was not reached."""
    words = f"{WORDS[hop.step]} {hop.destination}".rstrip()
    if hop.arrived:
        return f"{hop.seconds:7.1f} s  {words}"
    detail = f": {hop.detail}" if hop.detail else ""
    return (
        f"{hop.seconds:7.1f} s  NOT SO: {words} ({hop.arrival.replace('_', ' ')}{detail})\n{'':11}look at {hop.look_at}"
    )
