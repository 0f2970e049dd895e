"""Tests of `alerting/state`."""

from __future__ import annotations
