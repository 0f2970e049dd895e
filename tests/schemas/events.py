"""Strategies of the typed events."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from driftbell.schemas import Alert, Evidence, FeatureShift, Feedback, Metric, Prediction, Series
from driftbell.schemas.identifier import blank
from driftbell.schemas.limits import MAX_LATENCY_MS, MAX_WEIGHT
from driftbell.schemas.timestamps import MAX_EPOCH_MS, MAX_YEAR, MIN_EPOCH_MS, MIN_YEAR

finite = st.floats(allow_nan=False, allow_infinity=False)
identifiers = st.text(min_size=1, max_size=256).filter(lambda text: not blank(text))
texts = st.text(max_size=20)
times = st.integers(MIN_EPOCH_MS, MAX_EPOCH_MS) | st.datetimes(
    datetime(MIN_YEAR, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(MAX_YEAR, 12, 31),  # noqa: DTZ001
).map(lambda moment: f"{moment.isoformat()}Z")
labels = st.dictionaries(texts, texts, max_size=4)
answers = finite | st.integers(-(10**30), 10**30) | texts | st.booleans()
milliseconds = st.integers(0, MAX_EPOCH_MS)

predictions = st.builds(
    Prediction,
    prediction_id=identifiers,
    model=identifiers,
    version=identifiers,
    timestamp=times | st.none(),
    features=st.dictionaries(texts, finite | texts | st.booleans() | st.none(), max_size=5),
    prediction=answers,
    scores=st.none() | finite | st.dictionaries(texts, finite, max_size=3),
    latency_ms=st.none() | st.floats(0, MAX_LATENCY_MS),
    error=st.none() | texts,
    variant=identifiers,
    request_id=st.none() | texts,
    tags=labels,
    attributions=st.dictionaries(texts, finite, max_size=3),
    embedding=st.lists(finite, max_size=3),
)

feedbacks = st.builds(
    Feedback,
    prediction_id=identifiers,
    model=identifiers,
    label=answers,
    timestamp=times | st.none(),
    weight=st.floats(0, MAX_WEIGHT),
    tags=labels,
)

shifts = st.builds(
    FeatureShift, feature=texts, evidence=finite, psi=st.none() | finite, since_ms=st.none() | milliseconds
)

series = st.builds(
    Series,
    start_ms=milliseconds,
    width_ms=st.integers(1, 10**9),
    steps=st.lists(st.integers(0, 10**6), max_size=3),
    values=st.lists(finite, max_size=3),
)

alerts = st.builds(
    Alert,
    id=texts,
    fingerprint=texts,
    status=st.sampled_from(["pending", "firing", "resolved"]),
    labels=labels,
    annotations=labels,
    startsAt=texts,
    endsAt=st.none() | texts,
    updatedAt=texts,
    generatorURL=texts,
    episode=st.integers(0, 2**31),
    reason=texts,
    evidence=st.builds(
        Evidence,
        metric=texts,
        value=st.none() | finite,
        baseline=st.none() | finite,
        threshold=st.none() | finite,
        window_events=st.none() | st.integers(0, 2**40),
        window_start_ms=st.none() | milliseconds,
        window_end_ms=st.none() | milliseconds,
        change_point_ms=st.none() | milliseconds,
        detector=st.none() | texts,
        calibrated=st.booleans(),
        features=st.lists(shifts, max_size=3),
    ),
    traceparent=st.none() | texts,
    series=st.none() | series,
)

metrics = st.builds(
    Metric,
    model=identifiers,
    version=identifiers,
    variant=identifiers,
    window_start=texts,
    window_end=texts,
    revision=st.integers(0, 2**31),
    predictions=st.integers(0, 2**40),
    labels=st.integers(0, 2**40),
    values=st.dictionaries(texts, finite, max_size=4),
    provisional=st.booleans(),
)
