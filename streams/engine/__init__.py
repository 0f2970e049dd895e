"""The engine: owns partitions, runs them on the event loop, saves them, and knows how far the inputs are complete."""
