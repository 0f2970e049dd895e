"""The families of metrics, one per file; ``registry`` lists them."""
