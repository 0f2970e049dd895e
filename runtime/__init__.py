"""What every process shares: configuration, Kafka and Redis settings, logging, the ops endpoints."""

from __future__ import annotations
