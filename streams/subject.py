"""Subject: what is watched, and the key under which its state is kept."""

from __future__ import annotations

from typing import Final, NamedTuple

from driftbell.schemas import Prediction

#: The version, or variant, under which all those are watched together for which a model has no room.
OTHER: Final = "other"


#: A subject as a plain tuple, which equals the ``Subject`` of the same fields and has its hash.
SubjectKey = tuple[str, str, str]

#: Consecutive events of one subject: the place of the first, and the subject.
Run = tuple[int, SubjectKey]


class Subject(NamedTuple):
    """One version of one model in one variant.

    A named tuple and not a dataclass, as it is hashed and compared for every run of events: that happens in C.

    >>> Subject("fraud", "7", "live").over_versions
    Subject(model='fraud', version='', variant='live')
    """

    model: str
    version: str
    variant: str

    @property
    def over_versions(self) -> Subject:
        """What stands for all versions of the model in this variant."""
        return self._replace(version="")


def subject_key(event: Prediction) -> SubjectKey:
    """The subject of a prediction.

    It is asked for every event, so it makes no ``Subject``; those that keep state make one when they see a subject for the
    first time. A function and not an ``attrgetter``: CPython inlines the call and reads slots without looking them up.
    """
    return (event.model, event.version, event.variant)
