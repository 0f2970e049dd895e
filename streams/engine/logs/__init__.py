"""Whether the logs of the inputs still hold what was read of them: asked when a partition is claimed, and while it is held."""
