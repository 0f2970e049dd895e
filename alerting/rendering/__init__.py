"""From alerts to words (pure)."""
