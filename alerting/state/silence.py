"""Silences and commands as plain records: what the stores keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from driftbell.alerting.state.posted_alerts.posted import PostAlerts


class SilenceMatcher(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One matcher of a silence, with Alertmanager's two switches for the four operators."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Alerts that match all matchers notify nobody from ``starts_ms`` to ``ends_ms``, both in it. Epoch milliseconds."""

    id: str
    matchers: tuple[SilenceMatcher, ...]
    starts_ms: int
    ends_ms: int
    updated_ms: int
    created_by: str = ""
    comment: str = ""


class PutSilence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="put_silence"):
    """A command: add a silence, or change one.

    Args:
        silence_id: of the one to change; empty: a new one.
        starts_ms: None: now; of a silence that is changed: as it was.
    """

    matchers: tuple[SilenceMatcher, ...]
    ends_ms: int
    starts_ms: int | None = None
    silence_id: str = ""
    created_by: str = ""
    comment: str = ""


class ExpireSilence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="expire_silence"):
    """A command: end a silence now."""

    silence_id: str


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="acknowledge"):
    """A command: take alerts on, so that nobody else is called for them.

    Args:
        target: a fingerprint, or the id of an incident, or a key of it at a vendor (PagerDuty's ``dedup_key``).
        until_ms: of a snooze: when people are called again if it still fires; 0: until it is over.
        asked_ms: when the person asked for it, where the word may come late or out of order (a webhook); 0: now.
    """

    target: str
    by: str = ""
    comment: str = ""
    until_ms: int = 0
    asked_ms: int = 0


class Unacknowledge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="unacknowledge"):
    """A command: give alerts back; people are called again. ``target`` and ``asked_ms`` as in ``Acknowledge``."""

    target: str
    by: str = ""
    asked_ms: int = 0


class SilenceIncident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="silence_incident"):
    """A command: silence the labels that the alerts of an incident share, from now on. ``target`` as in ``Acknowledge``."""

    target: str
    length_ms: int
    by: str = ""
    comment: str = ""


Action = PutSilence | ExpireSilence | Acknowledge | Unacknowledge | SilenceIncident


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks the router to do, once, however often it is handed in.

    Args:
        id: a UUID made by who asks; a new silence takes it as its own.
    """

    id: str
    action: Action | PostAlerts


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command.

    Args:
        reason: named (``driftbell.alerting.muting.silence_rules.SilenceReason``,
            ``driftbell.alerting.life.acknowledging.AcknowledgeReason``).
        silence_id: of the silence as it is now; empty when there is none.
        error: a sentence, when nothing was done.
        posted: of alerts that were posted, how often what became of them
            (``driftbell.alerting.posting.posting.PostResult``).
        alerts: fingerprints of those that were acknowledged, or given back.
    """

    id: str
    at_ms: int
    reason: str
    silence_id: str = ""
    error: str = ""
    alerts: tuple[str, ...] = ()
    posted: dict[str, int] = {}


class Silences:
    """All silences that are kept. ``version`` changes whenever one of them does."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self.version = 0
        self._silences = {silence.id: silence for silence in silences}

    def note(self, silence_id: str, silence: Silence | None) -> None:
        """One is new, has changed, or is gone."""
        self.version += 1
        if silence is None:
            self._silences.pop(silence_id, None)
        else:
            self._silences[silence_id] = silence

    def get(self, silence_id: str) -> Silence | None:
        """A silence by its id."""
        return self._silences.get(silence_id)

    def __iter__(self) -> Iterator[Silence]:
        return iter(self._silences.values())

    def __len__(self) -> int:
        return len(self._silences)
