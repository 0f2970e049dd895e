"""Inhibition: an alert that says less is not notified while one that says more fires.

Alertmanager's semantics (``inhibit/inhibit.go``): a rule without matchers on a side takes every alert there; a label of
``equal`` that both alerts lack is equal; an alert that is on both sides of a rule is not inhibited by another that is on
both sides, and so never by itself. Alertmanager names one inhibiting alert, whichever it finds first; here it is the one
with the lowest fingerprint, so that every run names the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from driftbell.alerting.muting.muter import MuteAnswer, MuteContext, MuteKind, Muting
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.runtime.config.router import InhibitRule
from driftbell.runtime.matching.matchers import all_match, all_matchers
from driftbell.schemas import Alert


class Inhibition:
    """All rules. An index of the firing alerts on the source sides makes a question independent of their number."""

    def __init__(self, rules: Sequence[InhibitRule]) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._of: FiringAlerts | None = None
        self._version = -1
        self._known: dict[str, Alert] = {}

    def mute(self, alert: Alert, context: MuteContext) -> MuteAnswer:
        """Held back while an alert on a source side fires."""
        self._follow(context.firing)
        for rule in self._rules:
            by = rule.inhibited_by(alert)
            if by is not None:
                return MuteAnswer(Muting(MuteKind.INHIBITED, (by,)))
        return MuteAnswer()

    def _follow(self, firing: FiringAlerts) -> None:
        if firing is self._of and firing.version == self._version:
            return
        self._of, self._version = firing, firing.version
        current = firing.by_fingerprint
        for fingerprint, alert in list(self._known.items()):
            # An alert's labels are its identity: what fires again or is refreshed stays where it is.
            if fingerprint not in current:
                del self._known[fingerprint]
                for rule in self._rules:
                    rule.remove(alert)
        for fingerprint, alert in current.items():
            if fingerprint not in self._known:
                self._known[fingerprint] = alert
                for rule in self._rules:
                    rule.add(alert)


class _Rule:
    """One rule, with the alerts on its source side by the values of ``equal``."""

    def __init__(self, rule: InhibitRule) -> None:
        self._source = all_matchers(rule.source_match, rule.source_match_re, rule.source_matchers)
        self._target = all_matchers(rule.target_match, rule.target_match_re, rule.target_matchers)
        self._equal = tuple(dict.fromkeys(rule.equal))
        #: Fingerprints of those on the source side only, and of those on both.
        self._sources: dict[tuple[str, ...], set[str]] = {}
        self._two_sided: dict[tuple[str, ...], set[str]] = {}

    def add(self, alert: Alert) -> None:
        if all_match(self._source, alert.labels):
            self._side(alert).setdefault(self._key(alert), set()).add(alert.fingerprint)

    def remove(self, alert: Alert) -> None:
        if not all_match(self._source, alert.labels):
            return
        side, key = self._side(alert), self._key(alert)
        there = side.get(key, set())
        there.discard(alert.fingerprint)
        if not there:
            side.pop(key, None)

    def inhibited_by(self, alert: Alert) -> str | None:
        if not all_match(self._target, alert.labels):
            return None
        key = self._key(alert)
        found = self._sources.get(key, set())
        if not all_match(self._source, alert.labels):
            found = found | self._two_sided.get(key, set())
        return min(found, default=None)

    def _side(self, alert: Alert) -> dict[tuple[str, ...], set[str]]:
        return self._two_sided if all_match(self._target, alert.labels) else self._sources

    def _key(self, alert: Alert) -> tuple[str, ...]:
        return tuple(alert.labels.get(name, "") for name in self._equal)
