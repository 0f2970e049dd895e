"""How channels talk HTTP: Alertmanager's ``http_config``."""

from __future__ import annotations
