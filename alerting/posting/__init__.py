"""Alerts that others post: merged as Alertmanager does, then routed beside driftbell's own (pure)."""
