"""The metric record: one model's numbers over one window of prediction time."""

from __future__ import annotations

import msgspec

#: A record names so many unwatched features: a producer may send any number.
MAX_UNWATCHED_NAMED = 20


class Metric(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All windowed metrics of one (model, version, variant) for one window, published to ``metrics``, key ``model``.

    The window is of *prediction* time. Labels that come later publish the same window again with a higher
    ``revision``: the latest revision of (model, version, variant, shard, window_start) is the truth.
    """

    model: str
    version: str
    variant: str = "live"
    #: Of a sharded model: the partition whose share of the events this is.
    shard: str | None = None
    window_start: str
    window_end: str
    revision: int
    #: Predictions in the window, and how many of them have a label by now.
    predictions: int
    labels: int = 0
    #: Metric name (scikit-learn's where one exists) to value.
    values: dict[str, float]
    #: True when the window can still change (labels within the horizon may come).
    provisional: bool = True
    #: Features whose distribution is not watched, with the reason (the first ``MAX_UNWATCHED_NAMED`` by name, cut at
    #: ``MAX_IDENTIFIER`` characters), and how many there are; ``prediction`` stands for the prediction itself.
    unwatched: dict[str, str] = {}
    unwatched_features: int = 0
    #: Why the reference may not be typical: ``too_small``, ``shorter_than_a_day``, ``not_settled``.
    reference_caveats: list[str] = []
    #: Events of this version and variant that are in no window so far, by reason.
    uncounted: dict[str, int] = {}
