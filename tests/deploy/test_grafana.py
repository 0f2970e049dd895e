"""The Grafana files: of the form that Grafana reads, about metrics that exist, and complete for whoever is on call."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.dashboards import GRAFANA, dashboard, expression, queries
from tests.deploy.exporters import exported
from tests.deploy.promql import PROMETHEUS_OWN, TARGET_LABELS, grouping_labels, matchers, names
from tests.deploy.rules import PROMETHEUS, recorded
from tests.services.missing import missing

PANELS: list[dict[str, Any]] = dashboard()["panels"]
TILES = [panel for panel in PANELS if panel["type"] == "stat"]

_DATASOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "additionalProperties": False,
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
}
_THRESHOLDS = {
    "type": "object",
    "required": ["mode", "steps"],
    "additionalProperties": False,
    "properties": {
        "mode": {"enum": ["absolute", "percentage"]},
        "steps": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["color", "value"],
                "additionalProperties": False,
                "properties": {"color": {"type": "string"}, "value": {"type": ["number", "null"]}},
            },
        },
    },
}
_FIELDS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["unit", "color", "thresholds"],
    "properties": {
        # Of Grafana's list of units.
        "unit": {"enum": ["none", "short", "cps", "s", "bytes"]},
        "min": {"type": "number"},
        "decimals": {"type": "integer"},
        "noValue": {"type": "string"},
        "color": {
            "type": "object",
            "required": ["mode"],
            "properties": {"mode": {"enum": ["thresholds", "palette-classic", "fixed"]}},
        },
        "thresholds": _THRESHOLDS,
        "mappings": {"type": "array", "items": {"type": "object", "required": ["type", "options"]}},
        "custom": {
            "type": "object",
            "properties": {
                "drawStyle": {"enum": ["line", "bars", "points"]},
                "lineInterpolation": {"enum": ["linear", "smooth", "stepBefore", "stepAfter"]},
                "showPoints": {"enum": ["auto", "never", "always"]},
                "gradientMode": {"enum": ["none", "opacity", "hue", "scheme"]},
                "stacking": {"properties": {"mode": {"enum": ["none", "normal", "percent"]}}},
                "thresholdsStyle": {"properties": {"mode": {"enum": ["off", "line", "dashed", "area"]}}},
            },
        },
    },
}
_OPTIONS = {
    "stat": {
        "required": ["graphMode", "colorMode", "justifyMode", "textMode", "orientation", "reduceOptions"],
        "properties": {
            "graphMode": {"enum": ["none", "line", "area"]},
            "colorMode": {"enum": ["value", "background", "background_solid", "none"]},
            "reduceOptions": {"required": ["calcs"]},
        },
    },
    "timeseries": {
        "required": ["legend", "tooltip"],
        "properties": {
            "legend": {"required": ["displayMode", "placement", "showLegend", "calcs"]},
            "tooltip": {"required": ["mode", "sort"]},
        },
    },
}
_PANEL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "type", "title", "description", "datasource", "gridPos", "targets", "fieldConfig", "options"],
    "properties": {
        "id": {"type": "integer"},
        "type": {"enum": list(_OPTIONS)},
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string", "minLength": 20},
        "datasource": _DATASOURCE,
        "gridPos": {
            "type": "object",
            "required": ["x", "y", "w", "h"],
            "additionalProperties": False,
            "properties": {name: {"type": "integer", "minimum": 0, "maximum": 100} for name in "xywh"},
        },
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["refId", "datasource", "expr", "legendFormat"],
                "properties": {
                    "refId": {"pattern": "^[A-Z]$"},
                    "datasource": _DATASOURCE,
                    "editorMode": {"enum": ["code", "builder"]},
                    "range": {"type": "boolean"},
                    "expr": {"type": "string", "minLength": 1},
                    "legendFormat": {"type": "string"},
                },
            },
        },
        "fieldConfig": {
            "type": "object",
            "additionalProperties": False,
            "required": ["defaults", "overrides"],
            "properties": {"defaults": _FIELDS, "overrides": {"type": "array"}},
        },
        "options": {"type": "object"},
    },
    "allOf": [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"options": options}}}
        for kind, options in _OPTIONS.items()
    ],
}
#: The part of Grafana's classic dashboard model (schema 39: Grafana 10.4 and everything since) that we use.
SCHEMA = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "annotations", "time"],
    "properties": {
        "id": False,  # Grafana's own number of it, of one installation only
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 39},
        "graphTooltip": {"enum": [0, 1, 2]},
        "refresh": {"pattern": r"^\d+[smh]$"},
        "panels": {"type": "array", "items": _PANEL},
        "templating": {
            "properties": {
                "list": {"type": "array", "items": {"type": "object", "required": ["type", "name", "query"]}}
            }
        },
        "annotations": {
            "properties": {
                "list": {"items": {"type": "object", "required": ["name", "datasource", "enable", "iconColor"]}}
            }
        },
    },
}


# ---- form


def test_the_dashboard_is_of_grafanas_form() -> None:
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(dashboard())] == []


def test_it_has_one_address_for_ever() -> None:
    assert (dashboard()["uid"], dashboard()["title"]) == ("driftbell", "driftbell")


def test_the_data_source_can_be_chosen() -> None:
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}

    assert variables["datasource"] | {"type": "datasource", "query": "prometheus"} == variables["datasource"]
    assert variables["job"]["datasource"]["uid"] == "${datasource}"
    assert variables["job"]["includeAll"] is True


def test_every_variable_in_a_query_is_defined() -> None:
    defined = {variable["name"] for variable in dashboard()["templating"]["list"]} | {"__rate_interval"}
    used = {name for _, target in queries() for name in re.findall(r"\$\{?(\w+)", target["expr"])}

    assert used <= defined


def test_panels_have_a_number_and_a_place_of_their_own() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    overlaps = [
        (one, other)
        for one, other in combinations(places, 2)
        if one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    ]

    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert overlaps == []
    # No holes either: every row is as wide as the page.
    assert sum(place["w"] * place["h"] for place in places) == 24 * max(place["y"] + place["h"] for place in places)


def test_every_threshold_rises_from_no_value() -> None:
    for panel in PANELS:
        first, *rest = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert first is None, panel["title"]
        assert rest == sorted(rest), panel["title"]


# ---- what is asked


def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    promtool = shutil.which("promtool") or missing("promtool", "apt-get install prometheus")
    rules = [{"record": f"panel_{i}", "expr": expression(target)} for i, (_, target) in enumerate(queries())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    verdict = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_every_metric_on_the_dashboard_is_exported_or_recorded() -> None:
    known = exported().samples.keys() | recorded().keys() | PROMETHEUS_OWN
    unknown = {f"{title}: {name}" for title, target in queries() for name in names(expression(target)) - known}

    assert unknown == set()


def test_every_label_in_a_query_and_a_legend_is_exported() -> None:
    ours = {label for labels in exported().samples.values() for label in labels} | TARGET_LABELS
    wrong = []
    for title, target in queries():
        text = expression(target)
        wrong += [f"{title}: {label}" for label in grouping_labels(text) - ours]
        wrong += [
            f"{title}: {m}" for m in matchers(text) if m.name not in PROMETHEUS_OWN and m.label not in TARGET_LABELS
        ]
        legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        wrong += [f"{title}: {{{{{label}}}}}" for label in legend - grouping_labels(text) - {"instance"}]

    assert wrong == []


def test_every_query_keeps_to_the_chosen_job() -> None:
    # ALERTS of absent() have no job, and `up` is asked for by the name that contains driftbell.
    wrong = [
        f"{title}: {target['expr']}"
        for title, target in queries()
        if 'job=~"$job"' not in target["expr"] and not names(target["expr"]) <= PROMETHEUS_OWN
    ]

    assert wrong == []


# ---- for whom


def test_the_first_row_answers_the_first_questions() -> None:
    assert [panel["title"] for panel in TILES] == [
        "Is driftbell well?",
        "Events",
        "Models watched",
        "Model alerts firing",
        "Processes not ready",
        "Lag",
        "Oldest checkpoint",
        "Oldest unsent page",
    ]
    assert {panel["gridPos"]["y"] for panel in TILES} == {0}
    assert {panel["fieldConfig"]["defaults"]["noValue"] for panel in TILES} == {"no data"}


@pytest.mark.parametrize(
    "name",
    [
        "ALERTS",
        "job_input:driftbell_events:rate5m",
        "driftbell_alerts_firing",
        "job_topic:driftbell_consumer_lag_records:sum",
        "job:driftbell_checkpoint_age_seconds:max",
        "job:driftbell_checkpoint_duration_seconds:p99_5m",
        "job_reason:driftbell_dead_letters:rate5m",
        "job_outcome:driftbell_join:rate5m",
        "job_integration:driftbell_router_notifications:rate5m",
        "job_integration_reason:driftbell_router_notifications_failed:rate5m",
        "job_integration:driftbell_router_time_to_first_notify_seconds:p95_1h",
        "job_integration:driftbell_router_queue_age_seconds:max",
        "job:driftbell_alert_delay_seconds:p95_1h",
        "driftbell_router_dead_letters_total",
        "process_resident_memory_bytes",
        "job_instance:driftbell_event_loop_blocked_over_250ms:increase10m",
        "driftbell_rebalances_total",
        "driftbell_fenced_saves_total",
        "driftbell_lost_input_total",
    ],
)
def test_what_the_on_call_person_needs_is_there(name: str) -> None:
    assert name in {found for _, target in queries() for found in names(expression(target))}


def test_the_tiles_turn_red_where_the_alerts_fire() -> None:
    limits = {
        panel["title"]: panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
        for panel in TILES
        if panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["color"] == "red"
    }
    text = (PROMETHEUS / "rules" / "alerts.yml").read_text(encoding="utf-8")

    assert f"(driftbell_checkpoint_age_seconds) > {limits['Oldest checkpoint']}\n" in text
    assert f"driftbell_router_queue_age_seconds:max > {limits['Oldest unsent page']}\n" in text


# ---- provisioning


def test_provisioning_points_at_what_is_there() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "driftbell.yml").read_text())["providers"]
    [current] = [
        variable["current"]["value"]
        for variable in dashboard()["templating"]["list"]
        if variable["type"] == "datasource"
    ]
    scrape = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]

    assert (source["type"], source["uid"], source["access"]) == ("prometheus", current, "proxy")
    assert source["jsonData"]["timeInterval"] == scrape
    assert (provider["type"], Path(provider["options"]["path"]).is_absolute()) == ("file", True)
