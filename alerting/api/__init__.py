"""Alertmanager's HTTP API, version 2, served by the router."""
