"""The generated Care Connect sample."""
