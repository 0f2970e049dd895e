"""``driftbell config import``: an Alertmanager file becomes ours, and what does not is listed with what to write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from driftbell import cli
from driftbell.alerting.channels.registry import MODEL
from driftbell.alerting.rendering.templates import Template
from driftbell.alertmanager_file.converted import converted
from driftbell.alertmanager_file.go_templates import as_jinja, instead
from driftbell.exit_codes import ExitCode
from tests.alerting.channels.deliveries import delivery

FILE = """
global: {resolve_timeout: 5m, smtp_smarthost: 'localhost:25', smtp_from: am@example.org, opsgenie_api_key: SECRET}
templates: ['/etc/alertmanager/*.tmpl']
route:
  receiver: mails
  group_by: [alertname]
  routes:
    - {matchers: ['service=~"a|b"'], receiver: pager, continue: true, mute_time_intervals: [nights]}
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: 17:00, end_time: 24:00}], weekdays: ['monday:friday']}]
inhibit_rules: [{source_matchers: [severity="critical"], target_matchers: [severity="info"], equal: [alertname]}]
receivers:
  - name: mails
    email_configs:
      - to: a@example.org
        headers: {Subject: '[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}'}
        html: '{{ template "email.html" . }}'
  - name: pager
    pagerduty_configs:
      - routing_key: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
        description: '{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}'
        details: {count: '{{ .Alerts.Firing | len }}', all: '{{ template "all" . }}'}
    opsgenie_configs: [{api_key: SECRET}]
    webhook_configs: [{url: 'https://example.org/', http_config: {basic_auth: {username: a, password: b}}}]
"""


def run(tmp_path: Path, text: str, *more: str) -> int:
    file = tmp_path / "alertmanager.yml"
    file.write_text(text)
    return cli.main(["config", "import", str(file), *more])


def test_what_is_known_is_taken_over_and_the_rest_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, FILE) == ExitCode.FOUND
    out, err = capsys.readouterr()
    router = yaml.safe_load(out)["router"]
    mails, pager = router["receivers"]

    assert mails["email_configs"][0]["headers"] == {
        "Subject": '[{{ status | upper }}] {{ common_labels.get("alertname", "") }}'
    }
    assert pager["pagerduty_configs"] == [{"routing_key": "k" * 32, "details": {"count": "{{ firing }}"}}]
    assert router["route"]["routes"][0]["continue"] is True
    assert router["time_intervals"][0]["time_intervals"][0]["times"] == [{"start_time": "17:00", "end_time": "24:00"}]
    assert "to be corrected" not in err
    listed = [line.partition(": ")[2].partition(": ")[0] for line in err.splitlines()]
    assert listed == [
        "global.opsgenie_api_key",
        "templates",
        "receivers[0].email_configs[0].html",
        "receivers[1].pagerduty_configs[0].description",
        "receivers[1].pagerduty_configs[0].details.all",
        "receivers[1].opsgenie_configs",
    ]
    assert "{% for alert in alerts %}" in err
    assert "SECRET" not in out + err


def test_what_it_makes_is_a_valid_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, FILE)
    ours = tmp_path / "driftbell.yaml"
    ours.write_text(capsys.readouterr().out)

    assert cli.main(["config", "check", "-c", str(ours)]) == ExitCode.OK


def test_a_file_that_is_taken_over_whole_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'http://x/y', max_alerts: 3}]}]\n"

    assert run(tmp_path, text) == ExitCode.OK
    assert capsys.readouterr().err == ""


def test_what_stays_wrong_is_said_as_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "route: {receiver: nobody}\nreceivers: [{name: r}]\n", "--json") == ExitCode.FOUND
    told = json.loads(capsys.readouterr().out)

    assert told["left_out"] == []
    assert "nobody" in told["problems"][0]
    assert told["configuration"]["router"]["route"] == {"receiver": "nobody"}


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "", "a: &a [*a]\n" * 2])
def test_what_is_no_configuration_is_an_error_and_no_stack(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, text) in (ExitCode.FAILED, ExitCode.FOUND)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("go", "said"),
    [
        ("{{ .Status }}", "firing"),
        ("{{ .Status | toUpper }}: {{ .CommonLabels.model }}", "FIRING: fraud"),
        ('{{ index .GroupLabels "model" }}/{{ .GroupLabels.none }}', "fraud/"),
        ("{{- .Alerts.Firing | len -}} of {{ len .Alerts.Resolved }}", "1 of 0"),
        ("{{ .Receiver }} {{ .ExternalURL }}", "oncall https://driftbell.example.org"),
        ("plain", "plain"),
    ],
)
def test_common_forms_say_the_same_in_jinja(go: str, said: str) -> None:
    made = as_jinja(go)

    assert made is not None
    assert Template(made, "test").render(delivery()) == said


@pytest.mark.parametrize(
    ("go", "word"),
    [
        ('{{ template "x" . }}', "leave it out"),
        ("{{ range .Alerts }}x{{ end }}", "{% for alert in alerts %}"),
        ('{{ if eq .Status "firing" }}x{{ end }}', "{% if status"),
        ("{{ .CommonLabels.Values | join }}", "docs/routing.md"),
        ("{{ .Status | reReplaceAll }}", "docs/routing.md"),
        ("{{ .Status", "docs/routing.md"),
        ("{% raw %}{{ .Status }}", "docs/routing.md"),
    ],
)
def test_other_forms_are_left_out_with_what_to_write(go: str, word: str) -> None:
    assert as_jinja(go) is None
    assert word in instead(go)


@given(st.text(alphabet='{}%.| "abcAlertsFiringlenStatusCommonLabels-_\n', max_size=60))
def test_whatever_is_converted_is_a_template_that_works(text: str) -> None:
    made = as_jinja(text)

    if made is not None and "{#" not in made:
        Template(made, "test").render(delivery())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["route", "receivers", "name", "routes", "slack_configs", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_no_document_breaks_it(document: Any) -> None:
    if isinstance(document, dict):
        assert "router" in converted(document, MODEL).document


LEFT_OUT = """
route: {receiver: r}
receivers:
  - name: r
    pagerduty_configs:
      - {service_key: kkkk, http_config: {proxy_url: 'http://proxy:3128'}}
      - {routing_key: tooshort}
    slack_configs: [{api_url: 'https://hooks.slack.com/x', color: red, title_link: 'x', fallback: y}]
    email_configs: [{to: a@b.c, from: d@b.c, smarthost: 'h:25', html: x}]
    webhook_configs: [{url: 'https://example.org/', timeout: 5s}]
    msteams_configs: [{webhook_url: 'https://example.org/'}]
"""


def test_what_is_left_out_says_what_to_write_and_leaves_nothing_empty_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, LEFT_OUT) == ExitCode.FOUND
    out, err = capsys.readouterr()

    assert "{}" not in out
    assert yaml.safe_load(out)["router"]["receivers"][0]["pagerduty_configs"] == [{"routing_key": "tooshort"}]
    assert "no such key here" not in err
    assert "write its key as routing_key" in err
    assert "HTTPS_PROXY" in err
    assert "use msteamsv2_configs" in err
    assert "pagerduty_configs[0]: nothing of it is left" in err


def test_what_config_check_refuses_is_named_with_the_line_of_what_was_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "route: {receiver: none}\nreceivers: [{name: r, pagerduty_configs: [{routing_key: tooshort}]}]\n"
    run(tmp_path, text)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("to be corrected: ")]

    assert len(told) == 2
    assert all(line.startswith("to be corrected: driftbell.yaml:") for line in told)
    assert "routing_key" in told[1] or "routing_key" in told[0]


def test_a_file_of_driftbell_is_not_taken_for_one_of_alertmanager(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "router: {route: {receiver: r}, receivers: [{name: r}]}\n") == ExitCode.FAILED
    assert "driftbell's own configuration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("go", "said"),
    [
        (
            "{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}",
            '{% for alert in alerts %}{{ alert.annotations.get("summary", "") }} {% endfor %}',
        ),
        (
            "{{ range .Alerts.Firing }}{{ .Labels.host }}{{ end }}",
            '{% for alert in alerts if alert.status == "firing" %}{{ alert.labels.get("host", "") }} {% endfor %}',
        ),
    ],
)
def test_the_advice_for_a_loop_is_about_what_it_says_and_works(go: str, said: str) -> None:
    assert instead(go) == said
    Template(said, "test").render(delivery())


def test_what_is_null_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "route: {receiver: r, routes: [null]}\nreceivers: [{name: r}]\n"

    assert run(tmp_path, text) == ExitCode.OK
    assert yaml.safe_load(capsys.readouterr().out)["router"]["route"]["routes"] == [None]
