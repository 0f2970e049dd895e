"""Delivery queues: the order of deliveries, retries, and when a delivery is over (pure)."""
