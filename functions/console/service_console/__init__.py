"""Serve the console: the HTML page of the service and its files."""
