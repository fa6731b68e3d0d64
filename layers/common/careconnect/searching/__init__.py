"""What a search asks, as every function that answers one reads it."""
