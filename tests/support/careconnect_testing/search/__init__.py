"""A linear search as the reference for the server, and the queries for both."""
