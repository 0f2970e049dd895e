"""Alertmanager's label matchers and their regular expressions."""
