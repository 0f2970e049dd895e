"""Slack, by incoming webhook or by Web API."""
