"""Shared test support: records, events, clients, stacks, and a reference search written independently of the server."""
