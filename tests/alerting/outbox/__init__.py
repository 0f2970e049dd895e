"""Tests of `alerting/outbox`."""

from __future__ import annotations
