"""OAuth clients: the rules of their registration, the table that holds them, the demo clients."""
