"""What people do with incidents, and what follows if they do nothing (pure)."""
