"""AWS as simulated by moto, and the cost of its calls."""
