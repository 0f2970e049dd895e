"""What is kept of a large prediction while it waits for its label: enough for the metrics, bounded whatever it holds.

Of thousands of scores only that of the true class is read once the label is known, and which one that is nobody knows before.
The largest are kept exactly; what the others have in common is kept as one number. docs/labels.md says so to people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from driftbell.streams.batch import KeptScores

#: A packed prediction, or the tags of a label, of so many bytes or fewer is kept as it is.
LARGE: Final = 512
#: Characters kept of the name and of the value of a tag where not everything is kept.
LONGEST: Final = 128


def kept_scores(scores: Any, most: int) -> Any:
    """Scores as they are, or the ``most`` largest and what is known of the rest, as a plain tuple.

    >>> kept_scores({"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.1}, 2)
    ({'a': 0.5, 'b': 0.3}, 0.2, 2, 0.1)
    """
    if not isinstance(scores, Mapping) or len(scores) <= max(most, 2):
        return scores
    # Of two one would do; but two classes are told from many by their number.
    most = max(most, 2)
    # Sorting numbers takes a tenth of the time that sorting pairs takes, and there may be ten thousand.
    sizes = sorted(scores.values(), reverse=True)
    least = sizes[most - 1]
    largest = [(name, score) for name, score in scores.items() if score > least]
    largest += [
        (name, least) for name in sorted(n for n, score in scores.items() if score == least)[: most - len(largest)]
    ]
    largest.sort(key=lambda item: (-item[1], item[0]))
    return dict(largest), sum(sizes[most:]), len(sizes) - most, sizes[-1]


def opened_scores(scores: Any) -> Any:
    """What ``kept_scores`` has made, after it was read from where it was stored."""
    return KeptScores(*scores) if type(scores) is list else scores


def kept_tags(tags: Mapping[str, str], most: int) -> dict[str, str]:
    """At most so many tags, the first by name, each cut; all as they are where they are few and short."""
    if sum(len(name) + len(value) for name, value in tags.items()) <= LARGE and len(tags) <= most:
        return dict(tags)
    return {name[:LONGEST]: tags[name][:LONGEST] for name in sorted(tags)[:most]}
