"""Tests of the router's stores."""

from __future__ import annotations
