"""Tests of `alerting/routing`."""

from __future__ import annotations
