"""What a worker shows of itself: metrics and the ops endpoints."""
