"""The front door: command line, topic administration, histories, embedded services, demo."""
