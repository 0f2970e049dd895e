"""What the router does, told in its log and its metrics."""
