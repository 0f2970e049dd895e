"""Alerts that others post, as records, and when they are over."""
