"""ntfy: push messages without a cloud of one's own."""

from __future__ import annotations
