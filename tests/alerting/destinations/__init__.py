"""Tests of `alerting/incidents`."""

from __future__ import annotations
