"""Groups of alerts, and when a destination hears of them (pure)."""
