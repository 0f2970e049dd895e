"""What vendors send back to us: buttons that people press, and webhooks that say what happened over there."""
