"""Publishes predictions and labels of machine-learning models to driftbell, without ever holding up the service."""

from __future__ import annotations

from driftbell_client.async_client import AsyncClient
from driftbell_client.client import Client
from driftbell_client.stats import DropReason, Stats

__all__ = ["AsyncClient", "Client", "DropReason", "Stats"]
