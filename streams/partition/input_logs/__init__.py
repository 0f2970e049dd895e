"""What a partition remembers of the logs of its inputs, and whether they still hold what it has read. Pure."""
