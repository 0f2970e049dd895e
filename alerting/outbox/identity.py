"""Which identity a destination of the configuration has: what is open at it hangs on that.

The identity is the kind of channel with a digest of the address, or with a name of the configuration's. Several that have
one address (receivers that post to one channel with different mentions) are numbered; who had which number is remembered,
so that neither another order nor another receiver moves what is open from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.state.records import KnownDestination

_Rule = Callable[[Destination, KnownDestination], bool]

#: By which a destination is recognised among those of its address, the surest first.
_RULES: tuple[_Rule, ...] = (
    lambda found, known: (found.label, found.settings) == (known.label, known.settings_digest),
    lambda found, known: (found.receiver, found.settings) == (known.receiver, known.settings_digest),
    lambda found, known: found.receiver == known.receiver and not known.retired_ms,
    lambda found, known: found.settings == known.settings_digest and not known.retired_ms,
    lambda found, known: not known.retired_ms,
    lambda found, known: True,
)


def identify(configured: Sequence[Destination], known: Iterable[KnownDestination] = ()) -> list[Destination]:
    """The destinations of a configuration, in their order, with their identities.

    Args:
        configured: their ``address`` is that of the place alone; their ``id`` does not matter.
        known: what the router remembers, of before and retired.
    """
    remembered: dict[str, list[KnownDestination]] = {}
    for one in sorted(known, key=lambda one: (len(one.id), one.id)):
        remembered.setdefault(one.address, []).append(one)
    of_address: dict[str, list[int]] = {}
    for index, destination in enumerate(configured):
        of_address.setdefault(destination.address, []).append(index)
    ids: dict[int, str] = {}
    for address, indices in of_address.items():
        ids |= _identify(address, {index: configured[index] for index in indices}, remembered.get(address, []))
    return [replace(destination, id=ids[index]) for index, destination in enumerate(configured)]


def _identify(address: str, found: dict[int, Destination], known: Sequence[KnownDestination]) -> dict[int, str]:
    ids: dict[int, str] = {}
    free = list(known)
    for rule in _RULES:
        for index, destination in found.items():
            match = next((one for one in free if index not in ids and rule(destination, one)), None)
            if match is not None:
                free.remove(match)
                ids[index] = match.id
    taken = {one.id for one in known}
    for index in found:
        if index not in ids:
            number = 1
            while (made := address if number == 1 else f"{address}#{number}") in taken:
                number += 1
            taken.add(made)
            ids[index] = made
    return ids
