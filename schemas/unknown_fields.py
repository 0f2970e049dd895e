"""Fields that no contract names: ignored, as contracts grow by fields, but counted, as most of them are a field misspelt."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable

#: Names that are counted one by one; events of further names are counted together under ``OTHERS``.
MOST_NAMES = 50
#: Longest name in characters; the rest is cut off.
LONGEST_NAME = 64
OTHERS = "(others)"

#: What other tools and people call our fields, in lower case and without anything but letters and digits.
_SYNONYMS = {
    "prediction_id": ("id", "uuid", "eventid", "predictionuuid", "inferenceid", "correlationid"),
    "model": ("modelname", "modelid", "endpoint", "endpointname"),
    "version": ("modelversion", "modelversionid", "ver"),
    "timestamp": ("ts", "time", "datetime", "date", "createdat", "eventtime", "eventtimestamp", "predictiontimestamp"),
    "features": ("inputs", "input", "x", "data", "payload", "instance", "instances"),
    "prediction": (
        "output",
        "outputs",
        "y",
        "ypred",
        "yhat",
        "predicted",
        "predictions",
        "result",
        "answer",
        "response",
    ),
    "label": ("target", "y", "ytrue", "truth", "groundtruth", "actual", "actuals", "outcome", "labels", "value"),
    "scores": ("score", "proba", "probability", "probabilities", "predictproba", "confidence", "logits"),
    "latency_ms": ("latency", "duration", "durationms", "elapsed", "elapsedms", "responsetime", "latencymillis"),
    "error": ("exception", "errormessage", "failure"),
    "variant": ("deployment", "arm", "experiment", "environment", "env"),
    "request_id": ("traceid", "requestuuid"),
    "tags": ("segments", "segment", "metadata", "meta", "attributes", "dimensions"),
    "attributions": ("shap", "shapvalues", "explanations", "contributions", "importances"),
    "embedding": ("embeddings", "vector"),
    "weight": ("sampleweight", "weights"),
}
_SIMILAR = 0.75


class UnknownFields:
    """Counts by name, bounded whatever producers write; the names are those that came first."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._new: list[str] = []

    def add(self, names: Iterable[str]) -> None:
        """One event had fields of these names."""
        for name in names:
            shown = name[:LONGEST_NAME]
            if shown not in self.counts:
                shown = shown if len(self.counts) < MOST_NAMES else OTHERS
                if shown not in self.counts:
                    self._new.append(shown)
            self.counts[shown] += 1

    def take_new(self) -> list[str]:
        """Names met for the first time since the last call."""
        new, self._new = self._new, []
        return new


def describe(name: str, fields: Collection[str]) -> str:
    """A sentence about the unknown field ``name`` of an event whose contract has ``fields``."""
    if name == OTHERS:
        return "further fields are in no contract and were ignored"
    meant = nearest(name, fields)
    return f"the field `{name}` is in no contract and was ignored" + (f"; did you mean `{meant}`?" if meant else "")


def nearest(name: str, fields: Collection[str]) -> str | None:
    """The one of ``fields`` that a producer who wrote ``name`` most likely meant; None if there is no likely one.

    >>> nearest("predictionId", {"prediction_id", "prediction"})
    'prediction_id'
    >>> nearest("inputs", {"features", "tags"})
    'features'
    """
    plain = _plain(name)
    by_plain = {_plain(field): field for field in sorted(fields)}
    if plain in by_plain:
        return by_plain[plain]
    for field, synonyms in _SYNONYMS.items():
        if field in fields and plain in synonyms:
            return field
    close = difflib.get_close_matches(plain, list(by_plain), n=1, cutoff=_SIMILAR)
    return by_plain[close[0]] if close else None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name[:LONGEST_NAME].lower()))
