"""Every metric that any document names is one that is exported or recorded: a reader will query it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.deploy.exporters import exported

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "client", ROOT / "deploy", ROOT / "examples")
    for path in sorted(folder.glob("*.md"))
    if path.name != "CHANGELOG.md"  # the past may name what has gone
]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))

#: Names of ours that are no metrics: packages.
OTHER = {"driftbell_client"}

_NAME = re.compile(r"(?<![\w./-])(?:[a-z_]+:)?driftbell_\w+(?::\w+)*(?![\w/]|\.py)")


@cache
def known() -> frozenset[str]:
    """Metrics by family and by sample, and recorded series."""
    found = exported(1, ("pagerduty",))
    recorded = {
        name for file in RULES for name in re.findall(r"^\s*- record: (\S+)$", file.read_text(), flags=re.MULTILINE)
    }
    return frozenset({*found.families, *found.samples, *recorded})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_metric_that_a_document_names_exists(document: Path) -> None:
    named = set(_NAME.findall(document.read_text(encoding="utf-8"))) - OTHER
    # `driftbell_router_...` stands for all that begin so.
    beginnings = {name for name in named if name.endswith("_") and any(one.startswith(name) for one in known())}

    assert named - beginnings - known() == set()


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    text = 'watch `driftbell_join_outcomes_total{outcome="unmatched"}` and `job:driftbell_nothing:sum`'

    assert set(_NAME.findall(text)) - known() == {"driftbell_join_outcomes_total", "job:driftbell_nothing:sum"}
