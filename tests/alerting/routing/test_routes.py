"""The routing tree, checked against ``amtool config routes test`` on generated trees, and where amtool cannot look."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.routing.routes import compile_tree, group_id, group_key, receivers_of
from driftbell.runtime.config.router import Route
from tests.services.missing import missing

NAMES = ["team", "env", "model"]
VALUES = ["", "fraud", "churn", "fraud-eu", "x.y"]
PATTERNS = ["fraud", "fraud.*", ".*eu", "fraud|churn", "", "x.y", "[a-f]+", "(?i)FRAUD", ".+"]
RECEIVERS = ["default", "team.a", "team-b", "c", "d e"]


@pytest.fixture(scope="module")
def amtool() -> str:
    return shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")


def tree(root: dict[str, Any]) -> Any:
    return compile_tree(msgspec.convert(root, Route))


def _matcher(name: str, operator: str, value: str) -> str:
    return f'{name}{operator}"{value}"'


matchers = st.one_of(
    st.builds(_matcher, st.sampled_from(NAMES), st.sampled_from(["=", "!="]), st.sampled_from(VALUES)),
    st.builds(_matcher, st.sampled_from(NAMES), st.sampled_from(["=~", "!~"]), st.sampled_from(PATTERNS)),
)


def routes(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"matchers": st.lists(matchers, max_size=2), "continue": st.booleans()},
        optional={
            "receiver": st.sampled_from(RECEIVERS),
            "match": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=1),
            "match_re": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PATTERNS), max_size=1),
            **({"routes": st.lists(routes(depth - 1), max_size=3)} if depth else {}),
        },
    )


roots = st.fixed_dictionaries({"receiver": st.just("default"), "routes": st.lists(routes(2), min_size=1, max_size=4)})
label_sets = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES[1:]))


@pytest.mark.slow
@given(root=roots, labels=st.lists(label_sets, min_size=4, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_leads_where_alertmanager_leads(
    amtool: str, root: dict[str, Any], labels: list[dict[str, str]]
) -> None:
    compiled = tree(root)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yml"
        # JSON is YAML.
        config.write_text(json.dumps({"route": root, "receivers": [{"name": name} for name in RECEIVERS]}))
        for one in labels:
            theirs = subprocess.run(
                [amtool, "config", "routes", "test", f"--config.file={config}", *(f"{k}={v}" for k, v in one.items())],
                capture_output=True,
                text=True,
                check=True,
            )
            ours = ",".join(receivers_of(compiled.match(one)))

            assert ours == theirs.stdout.strip()


def test_children_inherit_what_they_do_not_set() -> None:
    root = tree(
        {
            "receiver": "a",
            "group_by": ["model"],
            "group_wait": 1,
            "routes": [
                {"matchers": ["x=1"], "group_interval": 7, "routes": [{"receiver": "b", "group_by": ["..."]}]},
                {"matchers": ["x=2"], "group_by": []},
            ],
        }
    )
    first, second = root.children
    leaf = first.children[0]

    assert (first.options.receiver, first.options.group_by, first.options.group_interval_ms) == ("a", {"model"}, 7000)
    assert (leaf.options.receiver, leaf.options.group_by_all, leaf.options.group_wait_ms) == ("b", True, 1000)
    assert leaf.options.repeat_interval_ms == 4 * 3_600_000
    # An empty list does not override, as in Alertmanager 0.25.
    assert second.options.group_by == {"model"}


def test_group_labels_are_those_that_the_alert_has() -> None:
    root = tree(
        {"receiver": "a", "group_by": ["model", "team"], "routes": [{"matchers": ["x=1"], "group_by": ["..."]}]}
    )

    assert root.options.group_labels({"model": "m", "z": "1"}) == {"model": "m"}
    assert root.children[0].options.group_labels({"z": "1", "x": "1"}) == {"x": "1", "z": "1"}


def test_the_group_key_is_alertmanagers_text() -> None:
    root = tree(
        {"receiver": "a", "routes": [{"matchers": ["team=a", 'env=~"p.*"'], "routes": [{"match": {"x": "1"}}]}]}
    )
    [node] = root.match({"team": "a", "env": "prod", "x": "1", "alertname": 'X"'})

    assert group_key(node, {"alertname": 'X"'}) == '{}/{env=~"p.*",team="a"}/{x="1"}:{alertname="X\\""}'


def test_equal_siblings_are_different_groups_though_alertmanager_gives_them_one_key() -> None:
    route = {"matchers": ["team=a"], "continue": True}
    root = tree({"receiver": "r", "routes": [route, {**route, "receiver": "s"}]})
    first, second = root.match({"team": "a"})

    assert group_key(first, {}) == group_key(second, {})
    assert group_id(first, {}) != group_id(second, {})


def test_a_named_route_keeps_its_groups_when_its_matchers_change() -> None:
    def group(matcher: str) -> str:
        return group_id(
            tree({"receiver": "r", "routes": [{"name": "fraud", "matchers": [matcher]}]}).children[0], {"m": "1"}
        )

    assert group("team=a") == group('team=~"a|b"')


@given(
    st.dictionaries(st.text(min_size=1), st.text(), max_size=4),
    st.dictionaries(st.text(min_size=1), st.text(), max_size=4),
)
def test_different_group_labels_are_different_groups(first: dict[str, str], second: dict[str, str]) -> None:
    node = tree({"receiver": "r"})

    assert (group_id(node, first) == group_id(node, second)) is (first == second)
