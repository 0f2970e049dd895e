"""What an alert says to people: one sentence for the page, and a few more for those who open it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from driftbell.runtime.measured import measured, psi_numbers, spoken, strength
from driftbell.runtime.wording import duration
from driftbell.schemas import LIVE, Evidence, FeatureShift, to_rfc3339
from driftbell.streams.alerts.reasons import Transition
from driftbell.streams.monitors.monitor import Condition, Family
from driftbell.streams.subject import Subject

#: Features named in the sentence; the evidence lists them all.
_NAMED: Final = 3
_DAY_MS: Final = 86_400_000
#: What a value stands for when a sentence is searched for the end of its first clause: names in quotes may have commas.
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")

_BEFORE: Final = {
    Transition.CANCELLED: "went away",
    Transition.RECOVERED: "recovered",
    Transition.RETIRED: "no longer watched",
}


def subject_name(subject: Subject) -> str:
    """The subject as people say it: "fraud v3", "fraud v3 (shadow)", "fraud"."""
    version = f"v{subject.version}" if subject.version[:1].isdigit() else subject.version
    variant = "" if subject.variant == LIVE else f"({subject.variant})"
    return " ".join(part for part in (subject.model, version, variant) if part)


def sentence(subject: Subject, condition: Condition, now_ms: int) -> str:
    """What happened, in one line.

    "error rate of fraud v3 rose from 4.1 % to 9.8 % since 14:02 UTC, 1,204 labels; features that moved most: amount"
    """
    text = _since(condition.summary, condition.change_point_ms, now_ms)
    name, metric = subject_name(subject), spoken(condition.metric)
    if text.startswith(f"{metric} ") and not text.startswith(f"{metric} of "):
        text = f"{metric} of {name}{text.removeprefix(metric)}"
    else:
        text = f"{name}: {text}"
    # That a feature has moved needs not be said of an alert about that feature.
    others = [shift.feature for shift in condition.features if shift.feature != condition.labels.get("feature")]
    if others:
        text += f"; features that moved most: {', '.join(others[:_NAMED])}"
    return text


def closing(transition: Transition, text: str, lasted_ms: int) -> str:
    """The sentence of an alert that is over: "recovered after 14 min: error rate of ..."."""
    return f"{_BEFORE[transition]} after {duration(lasted_ms)}: {text}"


def description(text: str, evidence: Evidence, episode: int, family: str = "") -> str:
    """The sentence again, then what was measured, each in a sentence of its own; last the method, for those who know it."""
    parts = [f"{text[:1].upper()}{text[1:]}.", *_numbers(evidence, family)]
    if evidence.change_point_ms is not None:
        parts.append(f"It most likely began at {to_rfc3339(evidence.change_point_ms)}.")
    if evidence.features:
        parts.append(f"Features that moved most: {_moved(evidence.features)}.")
    if episode > 1:
        parts.append(f"This is episode {episode} of this condition.")
    if evidence.detector is not None:
        kept = "keeps the false-alarm budget"
        not_kept = "is uncalibrated: its rate of false alarms is not known"
        parts.append(f"Method: {evidence.detector}, which {kept if evidence.calibrated else not_kept}.")
    if numbers := psi_numbers([(one.feature, one.psi) for one in evidence.features], evidence.metric, evidence.value):
        parts.append(f"Population stability index (PSI): {numbers}.")
    return " ".join(parts)


def _numbers(evidence: Evidence, family: str) -> list[str]:
    if evidence.value is None:
        return []
    text = measured(
        evidence.metric,
        evidence.value,
        baseline=evidence.baseline,
        threshold=evidence.threshold,
        events=evidence.window_events,
        noun="labels" if family == Family.PERFORMANCE else "events",
    )
    return [f"{text}."]


def _moved(shifts: Sequence[FeatureShift]) -> str:
    return ", ".join(s.feature if s.psi is None else f"{s.feature} ({strength(s.psi)})" for s in shifts)


def _since(summary: str, since_ms: int | None, now_ms: int) -> str:
    if since_ms is None:
        return summary
    moment = to_rfc3339(since_ms)
    clock = f"{moment[11:16]} UTC"
    since = f" since {clock}" if since_ms // _DAY_MS == now_ms // _DAY_MS else f" since {moment[:10]} {clock}"
    # Behind the first clause, which ends with a comma and a blank ("1,204" has no blank) or with a semicolon.
    searched = _QUOTED.sub(lambda quoted: "'" * len(quoted[0]), summary)
    ends = [at for at in (searched.find(", "), searched.find("; ")) if at >= 0]
    end = min(ends, default=len(summary))
    return summary[:end] + since + summary[end:]
