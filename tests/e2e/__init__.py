"""The whole pipeline on real Kafka and real Redis."""
