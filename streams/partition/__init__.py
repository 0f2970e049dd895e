"""The pure core of one partition: merge, decode, models, outbox."""
