"""Clocks, shares of the event loop, and waiting for what does not answer."""
