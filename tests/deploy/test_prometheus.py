"""The Prometheus files: promtool accepts them, every name in them exists, every alert is tested and explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftbell.runtime.config.model import Config
from driftbell.streams.engine import runner
from driftbell.streams.engine.timing import pace
from tests.deploy.exporters import exported
from tests.deploy.promql import PROMETHEUS_OWN, TARGET_LABELS, grouping_labels, matchers, names
from tests.deploy.rules import PROMETHEUS, RULE_FILES, UNIT_TESTS, alerts, recorded, rules
from tests.services.missing import missing

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool") or missing("promtool", "apt-get install prometheus")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=PROMETHEUS)


def anchors(markdown: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ---- promtool


def test_promtool_accepts_the_rules() -> None:
    verdict = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_promtool_accepts_the_configuration() -> None:
    verdict = promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert f"SUCCESS: {len(RULE_FILES)} rule files found" in verdict.stdout


@pytest.mark.slow
@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_the_rules_do_what_their_unit_tests_say(file: Path) -> None:
    verdict = promtool("test", "rules", file)

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def test_every_alert_is_tested_to_fire_and_to_keep_quiet() -> None:
    fires: set[str] = set()
    keeps_quiet: set[str] = set()
    for file in UNIT_TESTS:
        for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for check in scenario.get("alert_rule_test", ()):
                (fires if check["exp_alerts"] else keeps_quiet).add(check["alertname"])

    # The ordinary day of tests/quiet.yml is a quiet case for all of them.
    assert fires == alerts().keys()
    assert keeps_quiet >= alerts().keys() - {"DriftbellLoopBlocked"}


@pytest.mark.parametrize("kind", ["an ordinary day", "an idle worker"])
def test_a_healthy_system_has_every_series_that_a_rule_reads_and_no_rule_speaks(kind: str) -> None:
    """Busy or idle: a rule is not silent for want of numbers."""
    scenarios = yaml.safe_load((PROMETHEUS / "tests" / "quiet.yml").read_text(encoding="utf-8"))["tests"]
    (scenario,) = (one for one in scenarios if one["name"].startswith(kind))
    there = {series["series"].partition("{")[0] for series in scenario["input_series"]} | recorded().keys()
    silent = [check for check in scenario["promql_expr_test"] if check["expr"] == 'ALERTS{alertstate="firing"}']

    assert {name for rule in rules() for name in names(rule["expr"])} - PROMETHEUS_OWN - there == set()
    assert len(silent) >= 3
    assert all(check["exp_samples"] == [] for check in silent)


# ---- names


def test_every_metric_in_the_rules_is_exported_or_recorded() -> None:
    known = exported().samples.keys() | recorded().keys() | PROMETHEUS_OWN
    unknown = {
        f"{rule.get('alert') or rule['record']}: {name}" for rule in rules() for name in names(rule["expr"]) - known
    }

    assert unknown == set()


def test_every_label_and_value_in_the_rules_is_exported() -> None:
    wrong = []
    for rule in rules():
        for matcher in matchers(rule["expr"]):
            if matcher.name in PROMETHEUS_OWN:
                continue
            values = exported().samples[matcher.name].get(matcher.label, frozenset())
            wrong += [f"{matcher}" for value in matcher.value.split("|") if value not in values]

    assert wrong == []


def test_everything_that_is_grouped_by_is_a_label() -> None:
    ours = {label for labels in exported().samples.values() for label in labels} | TARGET_LABELS
    wrong = {
        f"{rule.get('alert') or rule['record']}: {label}"
        for rule in rules()
        for label in grouping_labels(rule["expr"]) - ours
    }

    assert wrong == set()


def test_a_recorded_name_begins_with_the_labels_that_are_left() -> None:
    wrong = []
    for name, expression in recorded().items():
        level = set(name.partition(":")[0].split("_"))
        # The outermost grouping is the first that is written; `le` is used up by histogram_quantile.
        if level - grouping_labels(expression) - {"job"}:
            wrong.append(f"{name}: {expression}")

    assert wrong == []


def test_every_recorded_series_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(\w+:[\w:]+)` \|", text, re.MULTILINE)) == recorded().keys()


# ---- people


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_is_wrong_and_where_to_read_on(name: str) -> None:
    rule = alerts()[name]
    text = rule["annotations"]

    assert re.fullmatch(r"Driftbell[A-Z]\w+", name)
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert text.keys() == {"summary", "description", "runbook_url"}
    assert text["summary"] and not text["summary"].endswith(".")
    assert text["description"].endswith((".", ")."))
    page, _, anchor = text["runbook_url"].partition("#")
    assert anchor in anchors((ROOT / page).read_text(encoding="utf-8"))
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(text.values())))
    kept = [rule["expr"], *(recorded()[series] for series in names(rule["expr"]) & recorded().keys())]
    assert used <= {label for expression in kept for label in grouping_labels(expression)} | TARGET_LABELS


def test_the_runbook_has_a_section_for_every_alert_and_for_no_other() -> None:
    sections = re.findall(r"^### (Driftbell\w+)\n\n(\*\*Critical\.\*\*|\*Warning\.\*) ", OPERATIONS, re.MULTILINE)

    assert {name: mark.strip("*.").lower() for name, mark in sections} == {
        name: rule["labels"]["severity"] for name, rule in alerts().items()
    }


def test_every_link_inside_the_runbook_leads_somewhere() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", OPERATIONS)) <= anchors(OPERATIONS)


# ---- what the numbers rest on


def test_the_scraped_ports_are_the_default_ones() -> None:
    jobs: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    found = {job["job_name"]: (sd["names"], sd["port"]) for job in jobs for sd in job["dns_sd_configs"]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert found == {
        "driftbell-worker": (["worker"], Config().worker.http_port),
        "driftbell-router": (["router"], Config().router.http_port),
    }
    assert {"worker", "router"} <= services.keys()


def test_a_checkpoint_counts_as_old_after_an_idle_one_was_renewed_and_before_the_worker_ends() -> None:
    rule = alerts()["DriftbellCheckpointOld"]
    threshold = float(rule["expr"].rpartition(">")[2])
    fires_at = threshold + float(rule["for"].removesuffix("s"))

    # An idle partition is looked at every TOUCH_SECONDS / 4.
    assert threshold > 1.25 * runner.TOUCH_SECONDS
    # A worker with very many models saves as rarely as this; encoding and the store take some seconds more.
    assert threshold >= 2 * pace.LATEST_SECONDS
    assert fires_at + 15 < Config().worker.checkpoint_patience, "seen by the scrape before the worker ends"
