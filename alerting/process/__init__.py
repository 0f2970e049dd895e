"""The router as a process: leader, consumer, senders, metrics."""
