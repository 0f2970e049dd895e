"""A sign of life to a dead man's switch, while the router does its work."""
