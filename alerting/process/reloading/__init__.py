"""Putting a configuration in force, at a start and while the router runs."""
