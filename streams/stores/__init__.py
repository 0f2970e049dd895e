"""The checkpoint stores: in memory and in Redis, under one contract (``streams.checkpoint``)."""
