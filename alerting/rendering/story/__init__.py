"""What the alerts of one message say together: the headline, its cause, the symptoms, and what is new (pure)."""
