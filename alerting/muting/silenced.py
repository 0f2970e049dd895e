"""The muter of silences: an alert is held back while an active silence matches it."""

from __future__ import annotations

from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.muting.silence_rules import SilenceState, matcher_of, state_of
from driftbell.alerting.state.silence import Silence, SilenceMatcher, Silences
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, all_match
from driftbell.schemas import Alert

#: Alerts whose silences are remembered; with more, all are looked up anew.
_MOST_REMEMBERED = 100_000


class Silencer:
    """Remembers which silences match an alert, pending ones too, until a silence is added or changed."""

    def __init__(self) -> None:
        self._of: Silences | None = None
        self._version = -1
        self._alive: list[tuple[Silence, tuple[Matcher, ...]]] = []
        self._matching: dict[str, tuple[Silence, ...]] = {}
        self._compiled: dict[str, tuple[tuple[SilenceMatcher, ...], tuple[Matcher, ...]]] = {}

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        """Held back while a silence is active; all active ones are named, by id in order."""
        self._follow(context.silences, context.now_ms)
        if not self._alive:
            return MuteAnswer()
        matching = self._matching.get(alert.fingerprint)
        if matching is None:
            matching = tuple(silence for silence, matchers in self._alive if all_match(matchers, alert.labels))
            if len(self._matching) >= _MOST_REMEMBERED:
                self._matching.clear()
            self._matching[alert.fingerprint] = matching
        now_ms = context.now_ms
        active = [silence for silence in matching if state_of(silence, now_ms) is SilenceState.ACTIVE]
        if active:
            # The end itself is still silent, as in Alertmanager.
            ends_ms = max(silence.ends_ms for silence in active) + 1
            ids = tuple(sorted(silence.id for silence in active))
            return MuteAnswer(Muting(MuteKind.SILENCED, ids), changes_ms=ends_ms)
        pending = [silence.starts_ms for silence in matching if state_of(silence, now_ms) is SilenceState.PENDING]
        return MuteAnswer(changes_ms=min(pending, default=None))

    def _follow(self, silences: Silences, now_ms: int) -> None:
        if silences is self._of and silences.version == self._version:
            return
        self._of, self._version = silences, silences.version
        self._matching = {}
        alive = [silence for silence in silences if state_of(silence, now_ms) is not SilenceState.EXPIRED]
        compiled = {}
        for silence in alive:
            known = self._compiled.get(silence.id)
            # Regular expressions are compiled once, not at every change of any silence.
            if known is not None and known[0] == silence.matchers:
                compiled[silence.id] = known
            else:
                compiled[silence.id] = (silence.matchers, _matchers(silence))
        self._compiled = compiled
        self._alive = [(silence, matchers) for silence in alive if (matchers := compiled[silence.id][1])]


def _matchers(silence: Silence) -> tuple[Matcher, ...]:
    try:
        return tuple(matcher_of(stored) for stored in silence.matchers)
    except BadMatcherError:
        # Another version of RE2 took it. A page too many is better than a router that cannot flush.
        return ()
