"""Lambda and AWS: clients, settings, logs and metrics, and how a function starts."""
