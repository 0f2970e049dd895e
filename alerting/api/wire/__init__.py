"""What goes over the wire: Alertmanager's requests read and checked, its answers shaped (no server in here)."""
