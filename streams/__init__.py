"""The stream processor: Kafka records in, statistics, alerts and metrics out (docs/engine.md)."""
