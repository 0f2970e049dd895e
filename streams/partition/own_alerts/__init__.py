"""Alerts about driftbell itself: what a partition found of its own input and state. Pure."""
