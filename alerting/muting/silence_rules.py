"""What may be done with silences, and what comes of it: Alertmanager 0.25's rules (``silence/silence.go``). Pure.

A silence is pending, active or expired. It is changed in place where that does not change what was silenced in the past:
with the same matchers, an active one keeps its start (to the second) and a pending one starts later than now. Any other
change ends it and makes a new one. What is expired is kept for a while, for people to look at.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from driftbell.alerting.routing.routes import quoted
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.silence import Answer, ExpireSilence, PutSilence, Silence, SilenceMatcher
from driftbell.alerting.state.state import Draft
from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, Operator, all_match, is_label_name
from driftbell.runtime.matching.regex import REQUEST_BYTES
from driftbell.schemas import Alert

#: How long an expired silence is kept; Alertmanager's retention.
RETENTION_MS = 120 * 3_600_000
#: How long the answer to a command is kept, to know a repetition of it.
ANSWERS_MS = 24 * 3_600_000
#: Larger than anything that people or their scripts write, small enough for any store.
MOST_MATCHERS, LONGEST_TEXT = 100, 10_000
#: Of memory for each regular expression of a silence with many of them; those of one silence share ``REQUEST_BYTES``.
LEAST_REGEX_BYTES = 1 << 16
#: Silences that are kept, expired ones too. A change never makes more than one of one.
MOST_SILENCES = 20_000

#: Operators by (is_regex, is_equal), as Alertmanager's API has them.
_OPERATORS = {
    (False, True): Operator.EQUAL,
    (False, False): Operator.NOT_EQUAL,
    (True, True): Operator.REGEX,
    (True, False): Operator.NOT_REGEX,
}
_STORED = {operator: flags for flags, operator in _OPERATORS.items()}

#: The last moment that a calendar shows: the end of the year 9999.
LAST_MS = 253_402_300_799_999


class SilenceState(enum.StrEnum):
    """Whether a silence holds. The value is Alertmanager's."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class SilenceReason(enum.StrEnum):
    """What became of a command. The value is the log field and what tests assert."""

    ADDED = "added"
    #: Changed in place.
    CHANGED = "changed"
    #: The old one was ended, and a new one has another id.
    REPLACED = "replaced"
    EXPIRED = "expired"
    ALREADY_EXPIRED = "already_expired"
    NOT_FOUND = "not_found"
    INVALID = "invalid"

    @property
    def refused(self) -> bool:
        """Whether nothing was done because it could not be."""
        return self in (SilenceReason.NOT_FOUND, SilenceReason.INVALID)


class BadSilenceError(ValueError):
    """A silence cannot be; the message says why."""


def state_of(silence: Silence, now_ms: int) -> SilenceState:
    """Pending before its start, expired after its end, active from one to the other, both in it."""
    if now_ms < silence.starts_ms:
        return SilenceState.PENDING
    return SilenceState.EXPIRED if now_ms > silence.ends_ms else SilenceState.ACTIVE


def matcher_of(stored: SilenceMatcher, most_bytes: int | None = None) -> Matcher:
    """The matcher at work, compiled anew.

    Raises:
        BadMatcherError: its value is no regular expression of RE2, or one of more bytes than given.
    """
    return Matcher(stored.name, _OPERATORS[stored.is_regex, stored.is_equal], stored.value, most_bytes)


def stored_matcher(matcher: Matcher) -> SilenceMatcher:
    """The stored form of a matcher."""
    is_regex, is_equal = _STORED[matcher.operator]
    return SilenceMatcher(
        name=matcher.name,
        value=matcher.value,
        is_regex=is_regex,
        is_equal=is_equal,
    )


def forget(draft: Draft, now_ms: int) -> None:
    """Drop silences that have long been expired, and old answers."""
    for silence in draft.state.silences:
        if silence.ends_ms + RETENTION_MS <= now_ms:
            draft.silences[silence.id] = None
    for answer in draft.state.answers.values():
        if answer.at_ms + ANSWERS_MS <= now_ms:
            draft.answers[answer.id] = None


def check(action: PutSilence, starts_ms: int, now_ms: int) -> None:
    """Whether such a silence can be.

    Raises:
        BadSilenceError: and why not.
    """
    if not 0 <= starts_ms <= LAST_MS or not 0 <= action.ends_ms <= LAST_MS:
        raise BadSilenceError("start and end must be between 1970 and 9999")
    if starts_ms >= action.ends_ms:
        raise BadSilenceError("start time must be before end time")
    if action.ends_ms < now_ms:
        raise BadSilenceError("end time can't be in the past")
    if not action.matchers:
        raise BadSilenceError("at least one matcher required")
    if len(action.matchers) > MOST_MATCHERS or any(len(text) > LONGEST_TEXT for text in _texts(action)):
        raise BadSilenceError(f"at most {MOST_MATCHERS} matchers, and {LONGEST_TEXT:,} characters in a text")
    matches_all = True
    regexes = sum(stored.is_regex for stored in action.matchers)
    most_bytes = max(LEAST_REGEX_BYTES, REQUEST_BYTES // max(1, regexes))
    for index, stored in enumerate(action.matchers):
        if not is_label_name(stored.name):
            raise BadSilenceError(f"invalid label matcher {index}: invalid label name {quoted(stored.name[:100])}")
        try:
            matcher = matcher_of(stored, most_bytes)
        except BadMatcherError as error:
            raise BadSilenceError(f"invalid label matcher {index}: {error}") from error
        # As Alertmanager has it, a matcher that says "not" is never one that matches everything.
        matches_all = matches_all and stored.is_equal and matcher.matches({})
    if matches_all:
        raise BadSilenceError("at least one matcher must not match the empty string")


def _texts(action: PutSilence) -> list[str]:
    parts = [text for matcher in action.matchers for text in (matcher.name, matcher.value)]
    return [*parts, action.created_by, action.comment]


def put_silence(draft: Draft, command_id: str, action: PutSilence, now_ms: int) -> Answer:
    """Add a silence, under the id of the command, or change one."""

    def answer(reason: SilenceReason, silence_id: str = "", error: str = "") -> Answer:
        return Answer(id=command_id, at_ms=now_ms, reason=reason.value, silence_id=silence_id, error=error)

    previous = draft.silence(action.silence_id) if action.silence_id else None
    starts_ms = action.starts_ms
    if starts_ms is None:
        starts_ms = now_ms if previous is None else previous.starts_ms
    if action.silence_id and previous is None:
        return answer(SilenceReason.NOT_FOUND, error=f"there is no silence {action.silence_id[:100]}")
    try:
        check(action, starts_ms, now_ms)
    except BadSilenceError as error:
        return answer(SilenceReason.INVALID, error=str(error))
    if previous is None and len(draft.state.silences) >= MOST_SILENCES:
        full = f"{MOST_SILENCES:,} silences are kept already, expired ones too"
        return answer(SilenceReason.INVALID, error=full)
    in_place = previous is not None and can_change(previous, action, starts_ms, now_ms)
    silence = Silence(
        id=action.silence_id if in_place else command_id,
        matchers=action.matchers,
        starts_ms=starts_ms if in_place else max(starts_ms, now_ms),
        ends_ms=action.ends_ms,
        updated_ms=now_ms,
        created_by=action.created_by,
        comment=action.comment,
    )
    draft.silences[silence.id] = silence
    if previous is None:
        return answer(SilenceReason.ADDED, silence.id)
    if in_place:
        if silence.ends_ms < previous.ends_ms:
            _bring_forward(draft, silence)
        return answer(SilenceReason.CHANGED, silence.id)
    if state_of(previous, now_ms) is not SilenceState.EXPIRED:
        _end(draft, previous, now_ms)
    return answer(SilenceReason.REPLACED, silence.id)


def can_change(previous: Silence, wanted: PutSilence, starts_ms: int, now_ms: int) -> bool:
    """Whether a silence can be changed in place, or has to be replaced."""
    if previous.matchers != wanted.matchers:
        return False
    match state_of(previous, now_ms):
        case SilenceState.ACTIVE:
            return starts_ms // 1000 == previous.starts_ms // 1000 and wanted.ends_ms >= now_ms
        case SilenceState.PENDING:
            return starts_ms >= now_ms
        case _:
            return False


def expire_silence(draft: Draft, command_id: str, action: ExpireSilence, now_ms: int) -> Answer:
    """End a silence now."""
    silence = draft.silence(action.silence_id)
    if silence is None:
        error = f"there is no silence {action.silence_id[:100]}"
        return Answer(id=command_id, at_ms=now_ms, reason=SilenceReason.NOT_FOUND.value, error=error)
    reason = SilenceReason.ALREADY_EXPIRED
    if state_of(silence, now_ms) is not SilenceState.EXPIRED:
        _end(draft, silence, now_ms)
        reason = SilenceReason.EXPIRED
    return Answer(id=command_id, at_ms=now_ms, reason=reason.value, silence_id=silence.id)


def _end(draft: Draft, silence: Silence, now_ms: int) -> None:
    starts_ms = min(silence.starts_ms, now_ms)
    ended = msgspec.structs.replace(silence, starts_ms=starts_ms, ends_ms=now_ms, updated_ms=now_ms)
    draft.silences[silence.id] = ended
    _bring_forward(draft, ended)


def _bring_forward(draft: Draft, silence: Silence) -> None:
    """What the silence holds back goes out when it ends, not at the next group_interval."""
    try:
        matchers = [matcher_of(stored) for stored in silence.matchers]
    except BadMatcherError:
        return  # it held nothing back
    at_ms = silence.ends_ms + 1
    for saved in list(draft.state.groups.values()):
        if not saved.flushed or saved.next_flush_ms <= at_ms:
            continue
        held = (draft.alert(fingerprint) for fingerprint in saved.members if _waits(saved, fingerprint))
        if any(alert is not None and _silences(matchers, alert) for alert in held):
            group = draft.group(saved.id)
            assert group is not None
            group.next_flush_ms = at_ms


def _waits(group: Group, fingerprint: str) -> bool:
    return not group.log or any(fingerprint not in entry.firing for entry in group.log.values())


def _silences(matchers: Sequence[Matcher], alert: Alert) -> bool:
    return alert.status == "firing" and all_match(matchers, alert.labels)
