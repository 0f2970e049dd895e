"""Tests of `alerting/muting`."""

from __future__ import annotations
