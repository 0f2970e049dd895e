"""The serving of a model: failures, latency, silence."""
