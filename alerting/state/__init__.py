"""The router's state: records, their stored form, and the stores."""
