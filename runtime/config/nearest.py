"""The name that was probably meant. A wrong hint is worse than none: a name counts only where slips explain it."""

from __future__ import annotations

from collections.abc import Iterable

#: Characters of a name for each slip that is believed.
_LETTERS_PER_SLIP = 4
_MOST_SLIPS = 3
#: Letters that make a beginning: crit for critical.
_LEAST_BEGINNING = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs from ``name`` by slips of the keyboard only; None where none does.

    >>> nearest("clasification", ["auto", "classification", "regression"])
    'classification'
    >>> nearest("teams_configs", ["slack_configs", "email_configs", "webhook_configs"])

    Args:
        name: as it was written.
        known: what could have been.
    """
    known = list(known)
    begun = [one for one in known if _begins(name, one)]
    if len(begun) == 1:
        return begun[0]
    slips, best = min(((_slips(name, one), one) for one in known), default=(_MOST_SLIPS + 1, ""))
    # Where every letter differs, nothing speaks for the name.
    return (
        best if slips < len(name) and slips <= min(_MOST_SLIPS, max(1, _own(name, best) // _LETTERS_PER_SLIP)) else None
    )


def _begins(name: str, other: str) -> bool:
    """Whether a name is the beginning of another, or is so but for the last word that both share (``_configs``)."""
    name, other = name.lower(), other.lower()
    head, found, tail = name.rpartition("_")
    if found and other.endswith(found + tail):
        name = head
    return len(name) >= _LEAST_BEGINNING and other.startswith(name)


def _own(name: str, other: str) -> int:
    """The length of the part that tells two names apart, of names that share their last word (``_configs``)."""
    head, found, tail = name.rpartition("_")
    if found and other.endswith(found + tail):
        return len(head)
    return len(name)


def _slips(one: str, other: str) -> int:
    """Letters left out, added, changed, or two exchanged (optimal string alignment), in either case of letters."""
    one, other = one.lower(), other.lower()
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, row, last = row, [i], before
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if last and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
