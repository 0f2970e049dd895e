"""Models that have been quiet for long, as the bytes of their state. Pure."""
