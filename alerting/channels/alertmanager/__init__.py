"""Forwarding to an Alertmanager."""

from __future__ import annotations
