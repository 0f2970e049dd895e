"""How much one event may hold. Whatever a producer writes is bounded here, once: the JSON Schemas say the same numbers.

A record is bounded by ``worker.max_record_bytes`` as well; these limits keep single values from doing harm inside it: a sum
that overflows, a name that stays in the state for weeks.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

#: Longest text in characters that is not an identifier and is kept: names of features, classes and tags, values of tags,
#: predictions and labels that are text, request ids. Text features and ``error`` may be longer: only their beginning is kept.
#:
#: A name of more characters needs a record of more bytes: so most records are known to be in order without a look at them.
MAX_TEXT = 1024

#: Largest weight of a label. A sum over a window of any size stays far below the largest float.
MAX_WEIGHT = 1e6

#: Longest latency in milliseconds, 11.6 days. Larger numbers are microseconds or nanoseconds.
MAX_LATENCY_MS = 1e9

#: Most features, classes with a score, or attributions of one event.
MAX_ENTRIES = 10_000
#: Most tags of one event.
MAX_TAGS = 100
#: Most dimensions of an embedding.
MAX_DIMENSIONS = 65_536

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
#: A class or a number. Integers stay integers, as class 1 is no measurement.
Answer = float | int | Text | bool
Weight = Annotated[float, msgspec.Meta(ge=0, le=MAX_WEIGHT)]
Latency = Annotated[float, msgspec.Meta(ge=0, le=MAX_LATENCY_MS)]
#: Names are checked by the codec: a limit on the keys of a mapping would cost a fifth of the decode.
Numbers = Annotated[dict[str, float], msgspec.Meta(max_length=MAX_ENTRIES)]
Tags = Annotated[dict[str, Text], msgspec.Meta(max_length=MAX_TAGS)]
Vector = Annotated[list[float], msgspec.Meta(max_length=MAX_DIMENSIONS)]
