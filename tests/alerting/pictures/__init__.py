"""Tests of `alerting/pictures`."""

from __future__ import annotations
