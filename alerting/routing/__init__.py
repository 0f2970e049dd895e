"""The routing tree (pure), and where it differs from Alertmanager's."""
