"""The body of ``POST /api/v2/silences``."""

from __future__ import annotations

from typing import Any

from driftbell.alerting.api.wire.body import Body, content, wrong_kind
from driftbell.alerting.api.wire.refusal import TOO_FEW, malformed, required
from driftbell.alerting.muting.silence_rules import MOST_MATCHERS
from driftbell.alerting.state.silence import PutSilence, SilenceMatcher

_NAME = "silence"


def silence_of(data: bytes) -> PutSilence:
    """The silence that is asked for.

    Raises:
        RequestRefusedError: the body is none.
    """
    if not data:
        raise required(_NAME)
    found = content(_NAME, data)
    if found is not None and not isinstance(found, dict):
        raise wrong_kind(_NAME, found, 'Go value of type struct { ID string "json:\\"id,omitempty\\"" }')
    body = Body(_NAME, found or {})
    silence_id = body.text("id", ".id") or ""
    comment, created_by = body.text("comment", "Silence.comment"), body.text("createdBy", "Silence.createdBy")
    ends_ms, starts_ms = body.moment("endsAt"), body.moment("startsAt")
    matchers = _matchers(body.get("matchers"))
    for name, value in (("comment", comment), ("createdBy", created_by)):
        if value is None:
            raise required(name)
    if body.get("endsAt") is None:
        raise required("endsAt")
    if matchers is None:
        raise required("matchers")
    if not matchers:
        raise malformed(422, "matchers in body should have at least 1 items", TOO_FEW)
    for index, matcher in enumerate(matchers):
        for name in ("isRegex", "name", "value"):
            if matcher[name] is None:
                raise required(f"matchers.{index}.{name}")
    if body.get("startsAt") is None:
        raise required("startsAt")
    return PutSilence(
        matchers=tuple(
            SilenceMatcher(name=one["name"], value=one["value"], is_regex=one["isRegex"], is_equal=one["isEqual"])
            for one in matchers
        ),
        # What lies before our calendar began is over, or has begun, all the same.
        ends_ms=max(0, ends_ms or 0),
        starts_ms=max(0, starts_ms or 0),
        silence_id=silence_id,
        created_by=created_by or "",
        comment=comment or "",
    )


def _matchers(found: Any) -> list[dict[str, Any]] | None:
    if found is None:
        return None
    if not isinstance(found, list):
        raise wrong_kind(_NAME, found, "Go struct field Silence.matchers of type models.Matchers")
    matchers = []
    # One more than may be is enough to refuse it.
    for one in found[: MOST_MATCHERS + 1]:
        if one is not None and not isinstance(one, dict):
            raise wrong_kind(_NAME, one, "Go struct field Silence.matchers of type models.Matcher")
        body = Body(_NAME, one or {})
        is_equal = body.flag("isEqual", "Matcher.matchers.isEqual")
        matchers.append(
            {
                "name": body.text("name", "Matcher.matchers.name"),
                "value": body.text("value", "Matcher.matchers.value"),
                "isRegex": body.flag("isRegex", "Matcher.matchers.isRegex"),
                "isEqual": True if is_equal is None else is_equal,
            }
        )
    return matchers
