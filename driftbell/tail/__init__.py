"""Following the topics live, for people and for pipes."""

from __future__ import annotations

from driftbell.tail.follow import Start, follow
from driftbell.tail.format import TopicKind, as_json, as_line, topic_kinds

__all__ = ["Start", "TopicKind", "as_json", "as_line", "follow", "topic_kinds"]
