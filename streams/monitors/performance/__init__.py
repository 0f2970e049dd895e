"""Performance, as the labels tell it."""
