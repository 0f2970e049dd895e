"""The router's process as the server of its API."""
