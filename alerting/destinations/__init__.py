"""Which destinations there are, beyond the configuration: what is remembered of them, renamed and retired (pure)."""
