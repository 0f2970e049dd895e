"""Tests of the channels."""

from __future__ import annotations
