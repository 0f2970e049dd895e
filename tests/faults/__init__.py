"""Faults as inputs: kill, stop, starve and cut off everything, and compare with the recomputation from the raw input."""
