"""A linear search to compare the server with, and the queries that it is asked."""
