"""Alertmanager's webhook."""
