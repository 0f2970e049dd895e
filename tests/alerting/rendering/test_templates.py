"""User templates: tried at the start, kept in their sandbox."""

from __future__ import annotations

import pytest

from driftbell.alerting.errors import RefusedError
from driftbell.alerting.rendering.templates import MAX_CHARACTERS, Template, variables
from tests.alerting.channels.deliveries import delivery


def test_templates_are_tried_at_the_start() -> None:
    for source in ("{{ alerts[0].labels.model", "{{ nothing.like.this }}", "{% for x in y %}"):
        with pytest.raises(RefusedError, match=r"template oncall/slack\[0\]\.title"):
            Template(source, "oncall/slack[0].title")
    with pytest.raises(RefusedError, match="Go's template language"):
        Template("{{ .CommonLabels.severity }}", "x")


def test_a_template_cannot_leave_its_sandbox() -> None:
    for source in ("{{ ''.__class__.__mro__ }}", "{{ alerts.append(1) }}", "{{ cycler.__init__.__globals__ }}"):
        with pytest.raises(RefusedError):
            Template(source, "x")


def test_a_template_sees_what_the_documentation_lists() -> None:
    seen = variables(delivery())

    assert set(seen) == {
        "status", "kind", "reason", "severity", "receiver", "group_labels", "common_labels", "common_annotations", "alerts",
        "firing", "resolved", "external_url", "incident", "subject", "state", "body",
    }  # fmt: skip
    assert set(seen["alerts"][0]) == {
        "status", "labels", "annotations", "starts_at", "ends_at", "fingerprint", "episode", "evidence", "generator_url",
    }  # fmt: skip


def test_what_a_template_makes_is_bounded() -> None:
    text = Template("{% for _ in range(20000) %}{{ body }}{% endfor %}", "x").render(delivery())

    assert len(text) == MAX_CHARACTERS
