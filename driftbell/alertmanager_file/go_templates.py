"""The common forms of Go's templates in Alertmanager files, as Jinja2; of the others, what to write instead."""

from __future__ import annotations

import re

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TABLES = {
    "CommonLabels": "common_labels",
    "GroupLabels": "group_labels",
    "CommonAnnotations": "common_annotations",
}
_VALUES = {"Status": "status", "Receiver": "receiver", "ExternalURL": "external_url"}
_FILTERS = {"toUpper": "upper", "toLower": "lower", "title": "title"}

_FIELD = re.compile(rf"\.({'|'.join(_TABLES)})\.({_NAME})")
_INDEX = re.compile(rf'index \.({"|".join(_TABLES)}) "([^"\\]*)"')
_VALUE = re.compile(rf"\.({'|'.join(_VALUES)})")
_COUNT = re.compile(r"\.Alerts\.(Firing|Resolved) \| len|len \.Alerts\.(Firing|Resolved)")
#: What a template says of each alert, and of which alerts.
_OF_ALERT = re.compile(rf"(?<![A-Za-z])\.(Labels|Annotations)\.({_NAME})")
_SOME = re.compile(r"range [^}]*\.Alerts\.(Firing|Resolved)")
_EXPRESSION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)

_INSTEAD = (
    ("template", "leave it out: driftbell's own message says it; or write the text here"),
    ("define", "a template for several places is not known: write the text where it is used"),
    ("range", ""),
    ("if", '{% if status == "firing" %}...{% endif %}'),
    ("with", '{% if common_labels.get("model") %}...{% endif %}'),
)
_OTHERWISE = "Jinja2 over the variables of docs/routing.md, such as {{ subject }} or {{ body }}"


def is_template(text: str) -> bool:
    """Whether a text has an action of Go's templates."""
    return "{{" in text


def as_jinja(text: str) -> str | None:
    """The text in Jinja2; None where it has a form that is not known here."""
    parts: list[str] = []
    end = 0
    for found in _EXPRESSION.finditer(text):
        made = _expression(found[1])
        if made is None:
            return None
        parts += [text[end : found.start()], "{{ " + made + " }}"]
        end = found.end()
    rest = text[end:]
    return None if "{{" in rest or "{%" in text else "".join([*parts, rest])


def instead(text: str) -> str:
    """What to write in place of a template that is not converted."""
    words = [found[1].split(" ", 1)[0] for found in _EXPRESSION.finditer(text)]
    told = next((told for word, told in _INSTEAD if word in words), None)
    if told:
        return told
    of_alert = _OF_ALERT.search(text)
    if told is None and of_alert is None:
        return _OTHERWISE
    table, name = ("labels", "model") if of_alert is None else (of_alert[1].lower(), of_alert[2])
    some = _SOME.search(text)
    which = f' if alert.status == "{some[1].lower()}"' if some is not None else ""
    return f'{{% for alert in alerts{which} %}}{{{{ alert.{table}.get("{name}", "") }}}} {{% endfor %}}'


def _expression(source: str) -> str | None:
    if count := _COUNT.fullmatch(source):
        return (count[1] or count[2]).lower()
    value, *filters = (part.strip() for part in source.split("|"))
    if (field := _FIELD.fullmatch(value)) or (field := _INDEX.fullmatch(value)):
        # A label that is missing is an empty text there, and an error here.
        made = f'{_TABLES[field[1]]}.get("{field[2]}", "")'
    elif plain := _VALUE.fullmatch(value):
        made = _VALUES[plain[1]]
    else:
        return None
    if any(name not in _FILTERS for name in filters):
        return None
    return " | ".join([made, *(_FILTERS[name] for name in filters)])
