"""Checkpoints: the port, the store in memory and the one in Redis, under one contract."""
