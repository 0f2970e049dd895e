"""Tests of `alerting/rendering`."""

from __future__ import annotations
