"""Tests of `alerting/process`."""

from __future__ import annotations
