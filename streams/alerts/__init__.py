"""From conditions to alerts: their life cycle, their annotations, their named reasons."""
