"""What may hold an alert back (pure)."""
