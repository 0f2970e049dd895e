"""The body of ``POST /api/v2/alerts``: read as a whole, then each alert checked for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from driftbell.alerting.api.wire.body import Body, content, wrong_kind
from driftbell.alerting.api.wire.refusal import WRONG_FORM, malformed, required
from driftbell.alerting.posting.posting import with_defaults
from driftbell.alerting.rendering.text import truncate
from driftbell.alerting.routing.routes import quoted
from driftbell.alerting.state.posted_alerts.posted import PostedAlert
from driftbell.runtime.matching.matchers import is_label_name

_NAME: Final = "alerts"

#: Labels, and annotations, of one alert; characters of a label's name and value. Labels beyond are refused: they are the
#: alert's identity. Annotations beyond are cut: a page is not lost to a long text, and no page shows more.
MOST_PAIRS, LONGEST_NAME, LONGEST_VALUE = 100, 1_000, 4_096

#: Alerts of one body. Prometheus sends 64 at once.
MOST_ALERTS = 20_000

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:/")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Checked:
    """One alert of the body: as it is taken, or what is wrong with it."""

    alert: PostedAlert | None = None
    error: str = ""


def parts_of(data: bytes) -> list[Any]:
    """The parts of a body, of which each is to be an alert.

    Raises:
        RequestRefusedError: the body is none; nothing of it is taken.
    """
    if not data:
        raise required(_NAME)
    found = content(_NAME, data, MOST_ALERTS)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong_kind(_NAME, found, "Go value of type models.PostableAlerts")
    return found


def check_whole(index: int, part: Any, alert: PostedAlert) -> None:
    """What refuses the whole body, of one alert that could be read.

    Raises:
        RequestRefusedError: nothing of the body is taken.
    """
    if alert.generator_url and not is_address(alert.generator_url):
        told = f'{index}.generatorURL in body must be of type uri: "{alert.generator_url}"'
        raise malformed(422, told, WRONG_FORM)
    if part is None or Body(_NAME, part).get("labels") is None:
        raise required(f"{index}.labels")


def alert_of(part: Any) -> PostedAlert:
    """One alert as it was sent.

    Raises:
        RequestRefusedError: it is none; nothing of the body is taken.
    """
    if part is not None and not isinstance(part, dict):
        raise wrong_kind(
            _NAME,
            part,
            'Go value of type struct { Annotations models.LabelSet "json:\\"annotations,omitempty\\""; '
            'EndsAt strfmt.DateTime "json:\\"endsAt,omitempty\\""; StartsAt strfmt.DateTime "json:\\"startsAt,omitempty\\"" }',
        )
    body = Body(_NAME, part or {})
    annotations, ends_ms, starts_ms = body.texts("annotations"), body.moment("endsAt"), body.moment("startsAt")
    return PostedAlert(
        labels=body.texts("labels") or {},
        annotations=annotations or {},
        generator_url=body.text("generatorURL", "Alert.generatorURL") or "",
        starts_ms=starts_ms,
        ends_ms=ends_ms,
    )


def is_address(text: str) -> bool:
    """Whether Go's ``url.ParseRequestURI`` takes a text: an absolute path, or a scheme and something from the root."""
    if any(character < " " or character == "\x7f" for character in text):
        return False
    rest = text
    if not text.startswith("/"):
        scheme = _SCHEME.match(text)
        if scheme is None:
            return False
        rest = text[scheme.end() - 1 :]
    path = rest.partition("?")[0]
    if path.startswith("//") and not path.startswith("///"):
        host, _, path = path[2:].partition("/")
        if re.search(r'[\s"<>\\^`{|}]', host) or re.search(r":[^\d\]]+$", host.rpartition("@")[2]):
            return False
    return _BAD_ESCAPE.search(path) is None


def checked(alert: PostedAlert, now_ms: int, resolve_timeout_ms: int) -> Checked:
    """One alert for itself, in Alertmanager's order. A label without a value is no label."""
    times = with_defaults(alert, resolve_timeout_ms, now_ms)
    if times.ends_ms < times.starts_ms:
        return Checked(error="start time must be before end time")
    labels = {name: value for name, value in sorted(alert.labels.items()) if value}
    for error in _problems(labels):
        return Checked(error=f"invalid label set: {error}")
    if not labels:
        return Checked(error="at least one label pair required")
    for name in sorted(alert.annotations):
        if not is_label_name(name) or len(name) > LONGEST_NAME:
            return Checked(error=f"invalid annotations: invalid name {quoted(name[:LONGEST_NAME])}")
    return Checked(
        PostedAlert(
            labels=labels,
            annotations=_cut(alert.annotations),
            generator_url=truncate(alert.generator_url, LONGEST_VALUE),
            starts_ms=alert.starts_ms,
            ends_ms=alert.ends_ms,
        )
    )


def _problems(labels: Mapping[str, str]) -> Iterator[str]:
    for name, value in labels.items():
        if not is_label_name(name):
            yield f"invalid name {quoted(name[:LONGEST_NAME])}"
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            yield f"{quoted(name[:100])} is longer than {LONGEST_NAME:,} characters, or its value than {LONGEST_VALUE:,}"
    if len(labels) > MOST_PAIRS:
        yield f"{len(labels):,} labels, and at most {MOST_PAIRS} are taken"


def _cut(annotations: Mapping[str, str]) -> dict[str, str]:
    kept = list(annotations.items())[:MOST_PAIRS]
    return {name: truncate(value, LONGEST_VALUE) for name, value in kept}
