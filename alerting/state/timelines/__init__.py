"""What happened to groups of alerts."""
