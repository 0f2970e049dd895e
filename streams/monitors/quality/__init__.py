"""Data quality: values that are missing, of the wrong type, unseen, or out of range."""
