"""Drift of features and predictions against the reference."""
