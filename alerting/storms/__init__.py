"""Very many incidents at once: told to people together."""
