"""Logs and ops endpoints, the same for every process."""
