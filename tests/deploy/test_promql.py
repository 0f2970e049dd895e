"""The reader of PromQL, on which the checks of names rest."""

from __future__ import annotations

from tests.deploy.promql import Matcher, grouping_labels, matchers, names

EXPRESSION = """
  histogram_quantile(0.99, sum by (job, le) (rate(a_seconds_bucket{kind="x y", le!="0.5"}[5m])))
  and on (instance) group_left (version) job:b:rate5m > 1e3 unless c offset 1h or 0 * deriv(sum(d_total)[15m:1m])
"""


def test_it_finds_metrics_and_nothing_else() -> None:
    assert names(EXPRESSION) == {"a_seconds_bucket", "job:b:rate5m", "c", "d_total"}


def test_it_finds_conditions() -> None:
    assert list(matchers(EXPRESSION)) == [
        Matcher("a_seconds_bucket", "kind", "=", "x y"),
        Matcher("a_seconds_bucket", "le", "!=", "0.5"),
    ]


def test_it_finds_what_is_grouped_by_and_joined_on() -> None:
    assert grouping_labels(EXPRESSION) == {"job", "le", "instance", "version"}
