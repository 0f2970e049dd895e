"""The configuration: one typed model, one YAML file, overrides from the environment."""
