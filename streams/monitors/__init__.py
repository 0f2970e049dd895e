"""The monitors, one concern per file; ``registry`` lists them."""
