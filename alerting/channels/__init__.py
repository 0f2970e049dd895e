"""The channels, one file each; ``channel`` is the port."""

from __future__ import annotations
